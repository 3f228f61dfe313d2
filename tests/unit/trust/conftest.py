"""A key pair, a policy that trusts it, and the time of every test."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from atom.trust.bundle import pre_authentication_encoding
from atom.trust.keys import public_pem
from atom.trust.policy import TrustedKey, TrustPolicy

PACKAGE = b"apiVersion: atom/v1\nname: restart-unhealthy\n"


@pytest.fixture(scope="session")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="session")
def other_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def trusted(key: ec.EllipticCurvePrivateKey) -> TrustedKey:
    return TrustedKey(name="alice", pem=public_pem(key))


@pytest.fixture
def policy(trusted: TrustedKey) -> TrustPolicy:
    return TrustPolicy(keys=(trusted,))


@pytest.fixture
def package() -> bytes:
    return PACKAGE


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def sign_statement() -> Callable[..., bytes]:
    """Makes a DSSE bundle around an in-toto statement about the given SHA-256 (hex)."""

    def sign(digest: str, key: ec.EllipticCurvePrivateKey, **changed: Any) -> bytes:
        payload_type = changed.get("payload_type", "application/vnd.in-toto+json")
        statement = {
            "_type": changed.get("statement_type", "https://in-toto.io/Statement/v1"),
            "subject": [{"name": "package", "digest": {"sha256": digest}}],
            "predicateType": "https://sigstore.dev/cosign/sign/v1",
            "predicate": {},
        }
        payload = json.dumps(statement).encode()
        message = changed.get("message", pre_authentication_encoding(payload_type, payload))
        signature = {"sig": encoded(key.sign(message, ec.ECDSA(hashes.SHA256())))}
        bundle = {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": ""}},
            "dsseEnvelope": {
                "payload": encoded(payload),
                "payloadType": payload_type,
                "signatures": [signature] * changed.get("signatures", 1),
            },
        }
        return json.dumps(bundle).encode()

    return sign


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
