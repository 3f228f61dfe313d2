"""Making signatures with a key: what `cosign sign-blob --key` makes, and `cosign verify-blob` accepts."""

from __future__ import annotations

import base64
import hashlib
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from atom.trust.keys import PrivateKey
from atom.trust.publickey import spki

BUNDLE_MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def sign_bundle(data: bytes, key: PrivateKey) -> bytes:
    """A Sigstore bundle v0.3 (JSON) over `data`, without log entry or timestamp."""
    bundle = {
        "mediaType": BUNDLE_MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": _sha256(spki(key.public_key()))}},
        "messageSignature": {
            "messageDigest": {"algorithm": "SHA2_256", "digest": _sha256(data)},
            "signature": _base64(_sign(data, key)),
        },
    }
    return json.dumps(bundle, separators=(",", ":")).encode()


def sign_detached(data: bytes, key: PrivateKey) -> bytes:
    """The contents of a `.sig` file: base64 of the signature over `data`."""
    return _base64(_sign(data, key)).encode()


def _sign(data: bytes, key: PrivateKey) -> bytes:
    # SHA-256 on the larger curves too: cosign 2.5 and 3.1 verify nothing else with a key, not even what 3.1 signs.
    match key:
        case ec.EllipticCurvePrivateKey():
            return key.sign(data, ec.ECDSA(hashes.SHA256()))
        case ed25519.Ed25519PrivateKey():
            return key.sign(data)
        case rsa.RSAPrivateKey():
            return key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def _sha256(raw: bytes) -> str:
    return _base64(hashlib.sha256(raw).digest())


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
