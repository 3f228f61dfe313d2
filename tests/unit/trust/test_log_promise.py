"""A log's promise in cosign's legacy bundle, against a trusted root made here: who may promise, what, and when."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from atom.trust import errors
from atom.trust.keys import public_pem
from atom.trust.policy import TrustPolicy
from atom.trust.sign import sign_detached
from atom.trust.verify import verify_signature

SIGNED_AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def log_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def logged_policy(policy: TrustPolicy, log_key: ec.EllipticCurvePrivateKey) -> TrustPolicy:
    return replace(policy, trusted_root=trusted_root(log_key), require_tlog=True)


@pytest.fixture
def promise(package: bytes, key: ec.EllipticCurvePrivateKey) -> Callable[..., bytes]:
    """Makes a legacy bundle over the package; the arguments say what is odd about its log entry."""

    def make(log_key: ec.EllipticCurvePrivateKey, **odd: Any) -> bytes:
        signature = sign_detached(package, key)
        body = {
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {
                    "hash": {"algorithm": "sha256", "value": hashlib.sha256(odd.get("data", package)).hexdigest()}
                },
                "signature": {
                    "content": odd.get("signature", signature).decode(),
                    "publicKey": {"content": encoded(public_pem(odd.get("signer", key)).encode())},
                },
            },
        }
        payload = {
            "body": encoded(json.dumps(body).encode()),
            "integratedTime": int(odd.get("time", SIGNED_AT).timestamp()),
            "logIndex": 7,
            "logID": hashlib.sha256(der(log_key)).hexdigest(),
        }
        promised = log_key.sign(rfc8785.dumps(payload), ec.ECDSA(hashes.SHA256()))
        entry = {"SignedEntryTimestamp": encoded(promised), "Payload": {**payload, **odd.get("payload", {})}}
        return json.dumps({"base64Signature": signature.decode(), "rekorBundle": entry}).encode()

    return make


def test_a_promise_gives_a_time_and_meets_the_demand(
    package: bytes,
    logged_policy: TrustPolicy,
    log_key: ec.EllipticCurvePrivateKey,
    promise: Callable[..., bytes],
    now: datetime,
) -> None:
    verified = verify_signature(package, promise(log_key), logged_policy, "x", now)
    assert verified.sig_time == SIGNED_AT
    assert "transparency-log" in verified.checked


def test_a_key_that_expired_since_still_counts_and_one_that_expired_before_does_not(
    package: bytes,
    logged_policy: TrustPolicy,
    log_key: ec.EllipticCurvePrivateKey,
    promise: Callable[..., bytes],
    now: datetime,
) -> None:
    (key,) = logged_policy.keys
    for end, good in ((SIGNED_AT, True), (SIGNED_AT - timedelta(seconds=1), False)):
        policy = replace(logged_policy, keys=(replace(key, not_after=end),))
        if good:
            assert verify_signature(package, promise(log_key), policy, "x", now)
        else:
            with pytest.raises(errors.KeyExpired):
                verify_signature(package, promise(log_key), policy, "x", now)


def test_a_changed_or_foreign_promise_is_refused(
    package: bytes,
    logged_policy: TrustPolicy,
    log_key: ec.EllipticCurvePrivateKey,
    promise: Callable[..., bytes],
    now: datetime,
) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    for material in (
        promise(log_key, payload={"integratedTime": 1}),
        promise(log_key, payload={"logIndex": 8}),
        promise(stranger),
        promise(stranger, payload={"logID": hashlib.sha256(der(log_key)).hexdigest()}),
        promise(log_key, time=datetime(2019, 1, 1, tzinfo=UTC)),  # before the log's key counts
    ):
        with pytest.raises(errors.TransparencyLogInvalid):
            verify_signature(package, material, logged_policy, "x", now)


def test_a_promise_about_something_else_is_refused(
    package: bytes,
    logged_policy: TrustPolicy,
    log_key: ec.EllipticCurvePrivateKey,
    promise: Callable[..., bytes],
    now: datetime,
) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    for odd in ({"data": b"other"}, {"signature": b"AAAA"}, {"signer": stranger}):
        with pytest.raises(errors.TransparencyLogMismatch):
            verify_signature(package, promise(log_key, **odd), logged_policy, "x", now)


# --- a trusted root of our own ----------------------------------------------------------------------------------------


def trusted_root(log_key: ec.EllipticCurvePrivateKey) -> bytes:
    log = {
        "baseUrl": "https://log.test",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": encoded(der(log_key)),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": {"start": "2020-01-01T00:00:00Z"},
        },
        "logId": {"keyId": encoded(hashlib.sha256(der(log_key)).digest())},
    }
    authority = {
        "subject": {"organization": "test", "commonName": "test"},
        "uri": "https://ca.test",
        "certChain": {"certificates": [{"rawBytes": encoded(ca_certificate())}]},
        "validFor": {"start": "2020-01-01T00:00:00Z"},
    }
    root = {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [log],
        "certificateAuthorities": [authority],
        "ctlogs": [log],
        "timestampAuthorities": [],
    }
    return json.dumps(root).encode()


def ca_certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test CA")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(SIGNED_AT).not_valid_after(SIGNED_AT + timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def der(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
