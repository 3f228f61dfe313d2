"""Key files: ours are cosign's, and a refusal never tells a secret."""

from __future__ import annotations

import base64
import json
import traceback
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from atom.trust import errors
from atom.trust.keys import encrypt_private_key, generate_key_pair, load_private_key, public_pem

COSIGN = Path(__file__).parent / "cosign"
PASSWORD = b"correct horse"


def test_a_key_pair_opens_with_its_password_only() -> None:
    private, public = generate_key_pair(PASSWORD)
    assert private.startswith("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n")
    assert public_pem(load_private_key(private, PASSWORD)) == public
    for wrong in (b"wrong", b"", None):
        with pytest.raises(errors.PasswordWrong) as refused:
            load_private_key(private, wrong)
        assert "wrong" not in str(refused.value)


def test_a_key_file_of_the_real_cosign_opens() -> None:
    private = (COSIGN / "p256.key").read_text()
    assert public_pem(load_private_key(private, b"pw")) == (COSIGN / "p256.pub").read_text()
    older = private.replace("SIGSTORE", "COSIGN")
    assert public_pem(load_private_key(older, b"pw")) == (COSIGN / "p256.pub").read_text()


def test_an_empty_password_is_a_password(key: ec.EllipticCurvePrivateKey) -> None:
    assert public_pem(load_private_key(encrypt_private_key(key, b""))) == public_pem(key)


def test_plain_and_encrypted_pkcs8_open(key: ec.EllipticCurvePrivateKey) -> None:
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD)).decode()
    assert public_pem(load_private_key(plain)) == public_pem(load_private_key(sealed, PASSWORD)) == public_pem(key)
    for wrong in (b"wrong", None):
        with pytest.raises(errors.PasswordWrong):
            load_private_key(sealed, wrong)


def test_a_key_file_cannot_choose_how_much_memory_we_spend(key: ec.EllipticCurvePrivateKey) -> None:
    head, *body, tail = encrypt_private_key(key, PASSWORD).splitlines()
    sealed = json.loads(base64.b64decode("".join(body)))
    sealed["kdf"]["params"]["N"] = 2**30
    greedy = "\n".join([head, base64.b64encode(json.dumps(sealed).encode()).decode(), tail])
    with pytest.raises(errors.PrivateKeyUnreadable):
        load_private_key(greedy, PASSWORD)


def test_what_is_no_signing_key_is_refused_without_repeating_it(key: ec.EllipticCurvePrivateKey) -> None:
    agreement = x25519.X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    cut = encrypt_private_key(key, PASSWORD)[:200] + "\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"
    for pem in ("", "canary", public_pem(key), agreement.decode(), plain[:90] + plain[120:], cut, "x" * 99_999):
        with pytest.raises(errors.PrivateKeyUnreadable) as refused:
            load_private_key(pem, PASSWORD)
        told = "".join(traceback.format_exception(refused.value))
        assert PASSWORD.decode() not in told
        assert plain.splitlines()[1] not in told
