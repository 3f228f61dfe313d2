"""One piece of signature material, read but not yet believed: what every format is turned into."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from atom.trust.verification import Kind


@dataclass(frozen=True, slots=True)
class Claim:
    """A signature and what comes with it.

    `message` is what the signature must cover: the signed bytes themselves, or the DSSE encoding of a statement about
    them. `hint` names the signing key (base64, unauthenticated). `certificates` are DER, the signer's first, and empty
    for a key. `log_entries` are JSON objects in the form of the bundle's `tlogEntries`; `timestamps` are RFC 3161
    responses in DER.
    """

    kind: Kind
    blob: bytes
    message: bytes
    signature: bytes
    payload: bytes | None = None  # of a DSSE envelope: the statement
    hint: str | None = None
    certificates: tuple[bytes, ...] = ()
    log_entries: tuple[Mapping[str, Any], ...] = ()
    timestamps: tuple[bytes, ...] = ()


def strict_base64(text: object) -> bytes:
    """RFC 4648 §4 base64 with nothing foreign in it but line breaks, as Go's decoder takes it. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("no base64 text")
    try:
        return base64.b64decode(text.replace("\r", "").replace("\n", "").encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError("no base64") from error
