"""The JSON bundle of cosign 1 and 2 (`--bundle` without `--new-bundle-format`).

    {"base64Signature": …, "cert": base64 of PEM, "rekorBundle": {"SignedEntryTimestamp": …, "Payload": {…}}}

It carries no proof of inclusion, so a keyless one could only be checked by asking the log: those are refused. `cert`
may also hold the signer's public key, which proves nothing and is not looked at.
"""

from __future__ import annotations

import base64
import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from atom.trust.claim import Claim, strict_base64
from atom.trust.errors import LegacyKeylessRefused, SignatureMalformed
from atom.trust.verification import Kind


class _Payload(BaseModel):
    model_config = ConfigDict(strict=True)

    body: Annotated[bytes, BeforeValidator(strict_base64)]
    integrated_time: Annotated[int, Field(alias="integratedTime", ge=0, lt=2**63)]
    log_index: Annotated[int, Field(alias="logIndex", ge=0, lt=2**63)]
    log_id: Annotated[str, Field(alias="logID", pattern="^[0-9a-f]{64}$")]


class _RekorBundle(BaseModel):
    promise: Annotated[bytes, BeforeValidator(strict_base64), Field(alias="SignedEntryTimestamp")]
    payload: Annotated[_Payload, Field(alias="Payload")]

    def as_log_entry(self) -> dict[str, Any]:
        """The same facts in the form of a Sigstore bundle's `tlogEntries`."""
        body = json.loads(self.payload.body)
        return {
            "logIndex": str(self.payload.log_index),
            "logId": {"keyId": _base64(bytes.fromhex(self.payload.log_id))},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "integratedTime": str(self.payload.integrated_time),
            "inclusionPromise": {"signedEntryTimestamp": _base64(self.promise)},
            "canonicalizedBody": _base64(self.payload.body),
        }


class _LegacyBundle(BaseModel):
    signature: Annotated[bytes, BeforeValidator(strict_base64), Field(alias="base64Signature", min_length=1)]
    cert: str | None = None
    rekor: Annotated[_RekorBundle | None, Field(alias="rekorBundle")] = None


def read_legacy(blob: bytes, fields: dict[str, Any], data: bytes) -> Claim:
    """The claim that `blob`, whose JSON is `fields`, signs `data`. Raises LegacyKeylessRefused for a certificate."""
    try:
        bundle = _LegacyBundle.model_validate(fields)
        entries = (bundle.rekor.as_log_entry(),) if bundle.rekor else ()
    except (ValidationError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise SignatureMalformed(expected="cosign's legacy JSON bundle", found="wrong or missing members") from error
    if bundle.cert and _holds_certificate(bundle.cert):
        raise LegacyKeylessRefused
    return Claim(Kind.LEGACY_BUNDLE, blob, message=data, signature=bundle.signature, log_entries=entries)


def _holds_certificate(cert: str) -> bool:
    """cosign writes base64 of the PEM here, some tools the PEM itself."""
    try:
        pem = strict_base64(cert)
    except ValueError:
        pem = cert.encode()
    return b"BEGIN CERTIFICATE" in pem


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
