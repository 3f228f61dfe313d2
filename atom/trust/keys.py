"""Private signing keys: cosign's encrypted key files, and plain PKCS#8.

A cosign key file is a PEM block around JSON: scrypt turns the password into a NaCl secretbox key, the box holds the key
as PKCS#8 DER (cosign `pkg/cosign/keys.go`, go-securesystemslib `encrypted`).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import textwrap
from typing import Annotated, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from atom.trust.claim import strict_base64
from atom.trust.errors import PasswordWrong, PrivateKeyUnreadable, PublicKeyUnreadable
from atom.trust.publickey import require_usable

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

_LABELS = ("ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY")  # the second: cosign before 2.0
_COST = 65536  # scrypt N, as cosign sets it: 64 MiB and about 0.2 s
_MAX_PEM = 64 * 1024  # characters

_Base64 = Annotated[bytes, BeforeValidator(strict_base64)]


class _ScryptParams(BaseModel):
    # Only what cosign has ever written (32768 until 2022): a file must not choose how much memory we spend.
    N: Literal[32768, 65536]
    r: Literal[8]
    p: Literal[1]


class _Scrypt(BaseModel):
    name: Literal["scrypt"]
    params: _ScryptParams
    salt: _Base64


class _Secretbox(BaseModel):
    name: Literal["nacl/secretbox"]
    nonce: Annotated[_Base64, Field(min_length=SecretBox.NONCE_SIZE, max_length=SecretBox.NONCE_SIZE)]


class _Sealed(BaseModel):
    kdf: _Scrypt
    cipher: _Secretbox
    ciphertext: _Base64


def generate_key_pair(password: bytes) -> tuple[str, str]:
    """A new ECDSA P-256 key pair, as `cosign generate-key-pair` makes it: (encrypted private PEM, public PEM)."""
    key = ec.generate_private_key(ec.SECP256R1())
    return encrypt_private_key(key, password), public_pem(key)


def encrypt_private_key(key: PrivateKey, password: bytes) -> str:
    """`key` as the contents of a `cosign.key` file."""
    salt, nonce = os.urandom(32), os.urandom(SecretBox.NONCE_SIZE)
    pkcs8 = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    sealed = {
        "kdf": {"name": "scrypt", "params": {"N": _COST, "r": 8, "p": 1}, "salt": _base64(salt)},
        "cipher": {"name": "nacl/secretbox", "nonce": _base64(nonce)},
        "ciphertext": _base64(_box(password, salt, _COST).encrypt(pkcs8, nonce).ciphertext),
    }
    return _armour(json.dumps(sealed, separators=(",", ":")).encode(), _LABELS[0])


def load_private_key(pem: str, password: bytes | None = None) -> PrivateKey:
    """The key in a cosign key file or a PKCS#8 PEM.

    Raises PasswordWrong, or PrivateKeyUnreadable. Neither repeats anything of the key or password.
    """
    if len(pem) > _MAX_PEM:
        raise PrivateKeyUnreadable(f"{len(pem)} characters")
    body = _cosign_body(pem)
    key: object
    try:
        if body is not None:
            key = load_der_private_key(_unseal(body, password or b""), None)
        elif "BEGIN ENCRYPTED PRIVATE KEY" in pem:
            key = _load_encrypted_pkcs8(pem, password)
        else:
            key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise PrivateKeyUnreadable("text that is no private key") from None
    if not isinstance(key, PrivateKey):
        raise PrivateKeyUnreadable(f"a key of type {type(key).__name__}")
    try:
        require_usable(key.public_key())
    except PublicKeyUnreadable as error:
        raise PrivateKeyUnreadable(error.found) from None
    return key


def _load_encrypted_pkcs8(pem: str, password: bytes | None) -> object:
    try:
        return load_pem_private_key(pem.encode(), password or None)
    except (ValueError, TypeError):  # a wrong password and a damaged file look alike; so does no password
        raise PasswordWrong from None


def public_pem(key: PrivateKey) -> str:
    """The public half, as the contents of a `cosign.pub` file."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _cosign_body(pem: str) -> bytes | None:
    """The JSON inside a cosign key file, or None if `pem` is another kind of file."""
    for label in _LABELS:
        head, tail = f"-----BEGIN {label}-----", f"-----END {label}-----"
        start, end = pem.find(head), pem.find(tail)
        if 0 <= start < end:
            try:
                return strict_base64("".join(pem[start + len(head) : end].split()))
            except ValueError:
                raise PrivateKeyUnreadable("a cosign key file that was cut or changed") from None
    return None


def _unseal(body: bytes, password: bytes) -> bytes:
    try:
        sealed = _Sealed.model_validate_json(body)
    except ValidationError:
        raise PrivateKeyUnreadable("a cosign key file in a form that cosign never wrote") from None
    try:
        return _box(password, sealed.kdf.salt, sealed.kdf.params.N).decrypt(sealed.ciphertext, sealed.cipher.nonce)
    except CryptoError:
        raise PasswordWrong from None


def _box(password: bytes, salt: bytes, cost: int) -> SecretBox:
    needed = 128 * cost * 8  # bytes of memory (RFC 7914 §2, r = 8); twice that leaves OpenSSL its overhead
    key = hashlib.scrypt(password, salt=salt, n=cost, r=8, p=1, maxmem=2 * needed, dklen=SecretBox.KEY_SIZE)
    return SecretBox(key)


def _armour(body: bytes, label: str) -> str:
    lines = textwrap.wrap(_base64(body), 64)
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
