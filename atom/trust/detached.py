"""The oldest format: a `.sig` file, one base64 signature over the bytes."""

from __future__ import annotations

from atom.trust.claim import Claim, strict_base64
from atom.trust.errors import SignatureMalformed
from atom.trust.verification import Kind

_MAX_SIGNATURE = 1024  # bytes; RSA-8192 makes the longest that we verify


def read_detached(blob: bytes, data: bytes) -> Claim:
    """The claim that `blob` signs `data`. Line breaks inside the base64 are allowed: `openssl base64` writes them."""
    expected = "one base64 signature, as `cosign sign-blob` prints it"
    if blob.lstrip().startswith(b"-----BEGIN"):
        raise SignatureMalformed(expected=expected, found="a PEM block: a key or certificate, not a signature")
    try:
        signature = strict_base64(b"".join(blob.split()).decode("ascii"))
    except ValueError as error:
        raise SignatureMalformed(expected=expected, found=f"{len(blob)} bytes that are no base64") from error
    if not 0 < len(signature) <= _MAX_SIGNATURE:
        raise SignatureMalformed(expected=expected, found=f"base64 of {len(signature)} bytes")
    return Claim(Kind.DETACHED, blob, message=data, signature=signature)
