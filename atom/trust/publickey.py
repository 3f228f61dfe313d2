"""Public keys: reading them, naming them, and asking whether one made a signature."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from atom.trust.errors import PublicKeyUnreadable

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey

# The first hash is the one that Sigstore's algorithm registry binds to the curve, which cosign 3 uses; cosign 2 signs
# with SHA-256 whatever the curve.
CURVE_HASHES: dict[str, tuple[hashes.HashAlgorithm, ...]] = {
    "secp256r1": (hashes.SHA256(),),
    "secp384r1": (hashes.SHA384(), hashes.SHA256()),
    "secp521r1": (hashes.SHA512(), hashes.SHA256()),
}
_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.AUTO)
_MAX_PEM = 16 * 1024  # characters; an 8192-bit RSA key takes 1.5 KiB


@lru_cache(maxsize=1024)  # a PEM takes as long to read as a signature to verify
def read_public_key(pem: str) -> PublicKey:
    """The key in `pem`. Raises PublicKeyUnreadable for anything but the algorithms that cosign makes."""
    if len(pem) > _MAX_PEM:
        raise PublicKeyUnreadable(f"{len(pem)} characters")
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PublicKeyUnreadable("text that is no PEM public key") from error
    return require_usable(key)


def require_usable(key: object) -> PublicKey:
    """`key` if it is of an algorithm and size that we verify with, else PublicKeyUnreadable."""
    match key:
        case ec.EllipticCurvePublicKey() if key.curve.name in CURVE_HASHES:
            return key
        case rsa.RSAPublicKey() if 2048 <= key.key_size <= 8192:
            return key
        case ed25519.Ed25519PublicKey():
            return key
        case ec.EllipticCurvePublicKey():
            raise PublicKeyUnreadable(f"an ECDSA key on the curve {key.curve.name}")
        case rsa.RSAPublicKey():
            raise PublicKeyUnreadable(f"an RSA key of {key.key_size} bits")
        case _:
            raise PublicKeyUnreadable(f"a key of type {type(key).__name__}")


@lru_cache(maxsize=1024)
def spki_digest(pem: str) -> bytes:
    """SHA-256 over the key's SubjectPublicKeyInfo in DER: its id for us, and cosign's hint."""
    return hashlib.sha256(spki(read_public_key(pem))).digest()


def spki(key: PublicKey) -> bytes:
    """The key's SubjectPublicKeyInfo in DER."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def made_by(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether `key` made `signature` over `message`, in any of the ways that cosign signs with such a key."""
    match key:
        case ec.EllipticCurvePublicKey():
            return any(_ecdsa(key, signature, message, digest) for digest in CURVE_HASHES[key.curve.name])
        case ed25519.Ed25519PublicKey():
            return _ed25519(key, signature, message)
        case rsa.RSAPublicKey():
            return any(_rsa(key, signature, message, scheme) for scheme in (padding.PKCS1v15(), _PSS))


def _ecdsa(key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes, digest: hashes.HashAlgorithm) -> bool:
    try:
        key.verify(signature, message, ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True


def _ed25519(key: ed25519.Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _rsa(key: rsa.RSAPublicKey, signature: bytes, message: bytes, scheme: padding.AsymmetricPadding) -> bool:
    try:
        key.verify(signature, message, scheme, hashes.SHA256())
    except InvalidSignature:
        return False
    return True
