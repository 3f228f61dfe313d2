"""Transparency log entries (Rekor v1 and v2): is this one in a trusted log, and is it about this very signature?"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import rfc8785
from pydantic import ValidationError
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import verify_checkpoint
from sigstore._internal.trust import RekorKeyring
from sigstore._utils import KeyID
from sigstore.models import TransparencyLogEntry
from sigstore_models.rekor import v1 as rekor

from atom.trust.claim import Claim, strict_base64
from atom.trust.errors import SignatureMalformed, TransparencyLogInvalid, TransparencyLogMismatch
from atom.trust.proofs import Logged
from atom.trust.roots import Log, TrustedRoot


class _Entry(rekor.TransparencyLogEntry):
    """sigstore's model, which insists on a proof of inclusion. cosign's legacy bundles have only a promise."""

    inclusion_proof: rekor.InclusionProof | None = None  # type: ignore[assignment]


def log_id(entry: Mapping[str, Any]) -> bytes:
    """The log that an entry says it is in. Raises SignatureMalformed."""
    return _parse(entry).log_id.key_id


def verify_log_entry(entry: Mapping[str, Any], claim: Claim, signer: bytes, root: TrustedRoot) -> Logged:
    """Verify that a log of `root` holds `entry`, and that it is about `claim` as signed by `signer`.

    `signer` is the DER of the signing certificate, or of the key's SubjectPublicKeyInfo.
    1. the log is one of the root's;
    2. its signed checkpoint covers the entry (RFC 9162 §2.1.3), where there is a proof of inclusion;
    3. its promise to include the entry verifies, where there is one; there must be one or the other;
    4. the promised time lies within the log key's window;
    5. the entry names the same message, signature and signer.
    """
    read = _parse(entry)
    log = root.logs.get(read.log_id.key_id)
    if log is None:
        raise TransparencyLogInvalid(f"an entry of a log that is not in the trusted root: {read.log_id.key_id.hex()}")
    if read.inclusion_proof is not None:
        _require_inclusion(read, log)
    if read.inclusion_promise is not None:
        _require_promise(read, log)
    elif read.inclusion_proof is None:
        raise TransparencyLogInvalid("neither a proof of inclusion nor a promise")
    time = _promised_time(read)
    if time is not None and time not in log.window:
        raise TransparencyLogInvalid(f"an entry of {time}, while the log's key counts from {log.window}")
    _require_same(read, claim, signer)
    return Logged(time, proven=read.inclusion_proof is not None, window=log.window)


def _parse(entry: Mapping[str, Any]) -> _Entry:
    try:
        return _Entry.model_validate(entry)
    except (ValidationError, ValueError, RecursionError) as error:
        raise SignatureMalformed(
            expected="a well-formed transparency log entry", found="one with missing or wrong members"
        ) from error


def _require_inclusion(entry: _Entry, log: Log) -> None:
    if entry.inclusion_proof is None or entry.inclusion_proof.checkpoint is None:
        raise TransparencyLogInvalid("a proof of inclusion without the log's signed checkpoint")
    try:
        wrapped = TransparencyLogEntry(entry)
        verify_merkle_inclusion(wrapped)
        verify_checkpoint(RekorKeyring(log.keyring), wrapped)
    except Exception as error:  # sigstore's inner functions promise nothing about what they raise
        why = error.args[0] if error.args else type(error).__name__
        raise TransparencyLogInvalid(f"a proof of inclusion that does not hold: {why}") from error


def _require_promise(entry: _Entry, log: Log) -> None:
    """The signed entry timestamp covers the canonical JSON (RFC 8785) of these four facts."""
    assert entry.inclusion_promise is not None
    promised: dict[str, int | str] = {
        "body": base64.b64encode(entry.canonicalized_body).decode(),
        "integratedTime": entry.integrated_time or 0,
        "logID": entry.log_id.key_id.hex(),
        "logIndex": entry.log_index,
    }
    try:
        log.keyring.verify(
            key_id=KeyID(entry.log_id.key_id),
            signature=entry.inclusion_promise.signed_entry_timestamp,
            data=rfc8785.dumps(promised),
        )
    except Exception as error:  # as above
        raise TransparencyLogInvalid("a promise of inclusion that the log did not sign") from error


def _promised_time(entry: _Entry) -> datetime | None:
    """`integratedTime` is worth something only under a promise: nothing else signs it."""
    if entry.inclusion_promise is None or not entry.integrated_time:
        return None
    try:
        return datetime.fromtimestamp(entry.integrated_time, tz=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise TransparencyLogInvalid("an entry with an impossible time") from error


# --- what the entry is about ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _About:
    """What an entry's body names, in raw bytes. `digest` is over the DSSE payload if `of_payload`, else the message."""

    algorithm: str
    digest: bytes
    of_payload: bool
    signature: bytes
    signer: bytes


def _require_same(entry: _Entry, claim: Claim, signer: bytes) -> None:
    """Without this an honest entry about anything else would do (CVE-2022-36056)."""
    kind, version = entry.kind_version.kind, entry.kind_version.version
    try:
        body = json.loads(entry.canonicalized_body)
        if (body["kind"], body["apiVersion"]) != (kind, version):
            raise TransparencyLogMismatch("an entry of another kind than the bundle says")
        about = _READERS[kind, version](body["spec"])
        signed = claim.payload if about.of_payload else claim.message
        digest = hashlib.new(about.algorithm, signed or b"").digest()
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
        raise TransparencyLogMismatch(f"an entry of kind {kind} {version} that says nothing we understand") from error
    if signed is None or digest != about.digest:
        raise TransparencyLogMismatch("an entry about other bytes")
    if about.signature != claim.signature:
        raise TransparencyLogMismatch("an entry about another signature")
    if about.signer != signer:
        raise TransparencyLogMismatch("an entry about another signer")


def _hashedrekord_1(spec: dict[str, Any]) -> _About:
    digest, signature = spec["data"]["hash"], spec["signature"]
    return _About(
        algorithm=_hash_name(digest["algorithm"]),
        digest=bytes.fromhex(digest["value"]),
        of_payload=False,
        signature=strict_base64(signature["content"]),
        signer=_pem_body(strict_base64(signature["publicKey"]["content"])),
    )


def _hashedrekord_2(spec: dict[str, Any]) -> _About:
    record = spec["hashedRekordV002"]
    verifier = record["signature"]["verifier"]
    holder = verifier["x509Certificate"] if "x509Certificate" in verifier else verifier["publicKey"]
    return _About(
        algorithm=_hash_name(record["data"]["algorithm"]),
        digest=strict_base64(record["data"]["digest"]),
        of_payload=False,
        signature=strict_base64(record["signature"]["content"]),
        signer=strict_base64(holder["rawBytes"]),
    )


def _dsse_1(spec: dict[str, Any]) -> _About:
    (signature,) = spec["signatures"]
    return _About(
        algorithm=_hash_name(spec["payloadHash"]["algorithm"]),
        digest=bytes.fromhex(spec["payloadHash"]["value"]),
        of_payload=True,
        signature=strict_base64(signature["signature"]),
        signer=_pem_body(strict_base64(signature["verifier"])),
    )


def _intoto_2(spec: dict[str, Any]) -> _About:
    content = spec["content"]
    (signature,) = content["envelope"]["signatures"]
    return _About(
        algorithm=_hash_name(content["payloadHash"]["algorithm"]),
        digest=bytes.fromhex(content["payloadHash"]["value"]),
        of_payload=True,
        signature=strict_base64(strict_base64(signature["sig"]).decode()),  # this kind encodes it twice
        signer=_pem_body(strict_base64(signature["publicKey"])),
    )


_READERS = {
    ("hashedrekord", "0.0.1"): _hashedrekord_1,
    ("hashedrekord", "0.0.2"): _hashedrekord_2,
    ("dsse", "0.0.1"): _dsse_1,
    ("intoto", "0.0.2"): _intoto_2,
}
_HASH_NAMES = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}


def _hash_name(algorithm: str) -> str:
    name = _HASH_NAMES.get(algorithm, algorithm)
    if name not in _HASH_NAMES.values():
        raise ValueError("unknown hash")
    return name


def _pem_body(pem: bytes) -> bytes:
    """The DER inside a PEM block, whatever its label."""
    return strict_base64("".join(line for line in pem.decode("ascii").splitlines() if not line.startswith("-----")))
