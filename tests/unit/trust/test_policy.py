"""A policy is checked when it is made."""

from __future__ import annotations

from datetime import datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from atom.trust import errors
from atom.trust.keys import PrivateKey, public_pem
from atom.trust.policy import TrustedIdentity, TrustedKey, TrustPolicy

ISSUER = "https://accounts.example.com"


def test_a_key_has_one_id_however_its_pem_is_laid_out(trusted: TrustedKey) -> None:
    same = TrustedKey(name="other", pem="\n\n" + trusted.pem.replace("\n", "\r\n"))
    assert same.key_id == trusted.key_id
    assert trusted.key_id.startswith("sha256:")
    assert len(trusted.key_id) == 71


def test_what_is_no_usable_key_is_refused() -> None:
    weak: list[object] = [
        rsa.generate_private_key(65537, 1024),
        ec.generate_private_key(ec.SECP256K1()),
        ed448.Ed448PrivateKey.generate(),
        dsa.generate_private_key(2048),
    ]
    pems = [
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()  # type: ignore[attr-defined]
        for key in weak
    ]
    for pem in ("", "no key", "-----BEGIN PUBLIC KEY-----\n////\n-----END PUBLIC KEY-----\n", "x" * 99_999, *pems):
        with pytest.raises(errors.PublicKeyUnreadable):
            TrustedKey(name="x", pem=pem)


def test_a_time_without_a_zone_is_refused(key: PrivateKey) -> None:
    with pytest.raises(errors.PolicyMalformed):
        TrustedKey(name="x", pem=public_pem(key), not_after=datetime(2026, 1, 1))


def test_an_identity_is_exact_unless_it_says_otherwise() -> None:
    exact = TrustedIdentity(name="ci", issuer=ISSUER, subject="ci@example.com")
    assert exact.covers("ci@example.com", ISSUER)
    assert not exact.covers("ci@example.com", ISSUER + "/")
    assert not exact.covers("ciXexample.com", ISSUER)
    assert not exact.covers("a.ci@example.com", ISSUER)


def test_a_pattern_matches_the_whole_subject() -> None:
    ci = TrustedIdentity(
        name="ci", issuer=ISSUER, subject=r"https://git\.example\.com/ops/.+@main", subject_is_regex=True
    )
    assert ci.covers("https://git.example.com/ops/books@main", ISSUER)
    for subject in (
        "https://git.example.com/ops/books@main2",
        "xhttps://git.example.com/ops/books@main",
        "https://git.example.com/ops/books@main\n",
        "https://gitXexample.com/ops/books@main",
    ):
        assert not ci.covers(subject, ISSUER)
    either = TrustedIdentity(name="ci", issuer=ISSUER, subject="a|b", subject_is_regex=True)
    assert either.covers("a", ISSUER)
    assert not either.covers("ax", ISSUER)


def test_a_pattern_cannot_break_out_or_hang() -> None:
    for pattern in ("(", "a)|(b", "(?=a)", r"(a)\1"):
        with pytest.raises(errors.PolicyMalformed):
            TrustedIdentity(name="x", issuer=ISSUER, subject=pattern, subject_is_regex=True)
    slow_elsewhere = TrustedIdentity(name="x", issuer=ISSUER, subject="(a+)+$", subject_is_regex=True)
    assert not slow_elsewhere.covers("a" * 2000 + "!", ISSUER)
    assert not slow_elsewhere.covers("a" * 99_999, ISSUER), "longer than any subject"


def test_senseless_policies_are_refused() -> None:
    with pytest.raises(errors.PolicyMalformed):
        TrustPolicy(threshold=0)
    with pytest.raises(errors.PolicyMalformed):
        TrustedIdentity(name="x", issuer="", subject="a")
    for root in (
        b"",
        b"{}",
        b"[" * 100_000,
        b'{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}',
    ):
        with pytest.raises(errors.TrustedRootUnreadable):
            TrustPolicy(trusted_root=root)
