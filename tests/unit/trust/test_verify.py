"""What the entry point accepts, and the one reason for which it refuses each thing that it refuses."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from atom.errors import Forbidden, InvalidInput
from atom.trust import errors
from atom.trust.keys import PrivateKey, public_pem
from atom.trust.policy import TrustedKey, TrustPolicy
from atom.trust.sign import sign_bundle, sign_detached
from atom.trust.verify import MAX_MATERIAL, Kind, verify_signature

COSIGN = Path(__file__).parent / "cosign"
DAY = timedelta(days=1)
ALGORITHMS: dict[str, Callable[[], PrivateKey]] = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
}


def changed(bundle: bytes, **members: Any) -> bytes:
    """`bundle` with members replaced, or removed where the value is None; `a__b` reaches into `a`."""
    fields = json.loads(bundle)
    for path, value in members.items():
        *parents, name = path.split("__")
        place = fields
        for parent in parents:
            place = place[parent]
        if value is None:
            del place[name]
        else:
            place[name] = value
    return json.dumps(fields).encode()


def rename(key: TrustedKey, name: str, **facts: Any) -> TrustedKey:
    return replace(key, name=name, **facts)


# --- accepted ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_we_sign_we_accept(algorithm: str, package: bytes, now: datetime) -> None:
    key = ALGORITHMS[algorithm]()
    policy = TrustPolicy(keys=(TrustedKey(name="alice", pem=public_pem(key)),))
    for material, kind in ((sign_bundle(package, key), Kind.KEY_BUNDLE), (sign_detached(package, key), Kind.DETACHED)):
        verified = verify_signature(package, material, policy, "restart-unhealthy", now)
        assert (verified.signer, verified.kind, verified.blob) == ("alice", kind, material)
        assert verified.key_id == policy.keys[0].key_id
        assert verified.sig_time is None, "nobody whom we trust timed it"
        assert verified.checked == ("digest", "signature", "validity", "revocation", "scope")


@pytest.mark.parametrize("file", ["cosign3.json", "cosign2.json", "legacy.json", "sig"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_the_real_cosign_signs_we_accept_and_only_over_its_bytes(
    algorithm: str, file: str, other_key: PrivateKey, now: datetime
) -> None:
    data, material = (COSIGN / "hello.txt").read_bytes(), (COSIGN / f"{algorithm}.{file}").read_bytes()
    policy = TrustPolicy(keys=(TrustedKey(name="cosign", pem=(COSIGN / f"{algorithm}.pub").read_text()),))
    assert verify_signature(data, material, policy, None, now).signer == "cosign"
    with pytest.raises((errors.DigestMismatch, errors.SignatureMismatch)):
        verify_signature(data + b"\n", material, policy, None, now)
    with pytest.raises((errors.NoTrustedKey, errors.SignatureMismatch)):
        verify_signature(data, material, TrustPolicy(keys=(TrustedKey("x", public_pem(other_key)),)), None, now)


def test_a_dsse_bundle_of_the_real_cosign_is_accepted(now: datetime) -> None:
    data, material = (COSIGN / "hello.txt").read_bytes(), (COSIGN / "p256.dsse.json").read_bytes()
    policy = TrustPolicy(keys=(TrustedKey(name="cosign", pem=(COSIGN / "p256.pub").read_text()),))
    assert verify_signature(data, material, policy, None, now).kind is Kind.KEY_BUNDLE
    with pytest.raises(errors.DsseSubjectMismatch):
        verify_signature(data + b"\n", material, policy, None, now)


def test_rsa_pss_is_accepted(package: bytes, now: datetime) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
    material = base64.b64encode(key.sign(package, pss, hashes.SHA256()))
    policy = TrustPolicy(keys=(TrustedKey(name="alice", pem=public_pem(key)),))
    assert verify_signature(package, material, policy, None, now).signer == "alice"


def test_a_wrong_hint_does_not_hide_the_right_key(
    package: bytes, key: PrivateKey, other_key: PrivateKey, trusted: TrustedKey, now: datetime
) -> None:
    other = TrustedKey(name="bob", pem=public_pem(other_key))
    policy = TrustPolicy(keys=(other, trusted))
    for hint in (other.hint, "bm9ib2R5", ""):
        material = changed(sign_bundle(package, key), verificationMaterial__publicKey__hint=hint)
        assert verify_signature(package, material, policy, None, now).signer == "alice"


def test_base64_may_be_wrapped(package: bytes, key: PrivateKey, policy: TrustPolicy, now: datetime) -> None:
    material = base64.encodebytes(base64.b64decode(sign_detached(package, key)))
    assert verify_signature(package, material, policy, None, now).kind is Kind.DETACHED


# --- other bytes, other keys ------------------------------------------------------------------------------------------


def test_changed_bytes_are_refused(package: bytes, key: PrivateKey, policy: TrustPolicy, now: datetime) -> None:
    with pytest.raises(errors.DigestMismatch, match=hashlib.sha256(package).hexdigest()):
        verify_signature(package + b" ", sign_bundle(package, key), policy, None, now)
    with pytest.raises(errors.SignatureMismatch):
        verify_signature(package + b" ", sign_detached(package, key), policy, None, now)


def test_a_digest_that_lies_does_not_help(package: bytes, key: PrivateKey, policy: TrustPolicy, now: datetime) -> None:
    other = package + b" "
    digest = base64.b64encode(hashlib.sha256(other).digest()).decode()
    lying = changed(sign_bundle(package, key), messageSignature__messageDigest__digest=digest)
    silent = changed(sign_bundle(package, key), messageSignature__messageDigest=None)
    for material in (lying, silent):
        with pytest.raises(errors.SignatureMismatch):
            verify_signature(other, material, policy, None, now)


def test_an_unknown_key_is_refused(package: bytes, other_key: PrivateKey, policy: TrustPolicy, now: datetime) -> None:
    with pytest.raises(errors.NoTrustedKey, match="alice") as refused:
        verify_signature(package, sign_bundle(package, other_key), policy, None, now)
    assert isinstance(refused.value, InvalidInput)
    with pytest.raises(errors.NoTrustedKey):
        verify_signature(package, sign_bundle(package, other_key), TrustPolicy(), None, now)
    with pytest.raises(errors.SignatureMismatch):
        verify_signature(package, sign_detached(package, other_key), policy, None, now)


# --- the key's standing -----------------------------------------------------------------------------------------------


def test_an_expired_key_is_called_expired(package: bytes, key: PrivateKey, trusted: TrustedKey, now: datetime) -> None:
    policy = TrustPolicy(keys=(replace(trusted, not_after=now - DAY),))
    with pytest.raises(errors.KeyExpired) as refused:
        verify_signature(package, sign_bundle(package, key), policy, None, now)
    assert isinstance(refused.value, Forbidden)


def test_a_package_received_in_time_still_runs_after_its_key_expired(
    package: bytes, key: PrivateKey, trusted: TrustedKey, now: datetime
) -> None:
    policy = TrustPolicy(keys=(replace(trusted, not_after=now - DAY),))
    assert verify_signature(package, sign_bundle(package, key), policy, None, now, received_at=now - 2 * DAY)


def test_a_key_does_not_count_before_its_time(
    package: bytes, key: PrivateKey, trusted: TrustedKey, now: datetime
) -> None:
    policy = TrustPolicy(keys=(replace(trusted, not_before=now + DAY),))
    with pytest.raises(errors.KeyNotYetValid):
        verify_signature(package, sign_bundle(package, key), policy, None, now)


def test_the_ends_of_a_window_belong_to_it(package: bytes, key: PrivateKey, trusted: TrustedKey, now: datetime) -> None:
    policy = TrustPolicy(keys=(replace(trusted, not_before=now, not_after=now),))
    assert verify_signature(package, sign_bundle(package, key), policy, None, now)


def test_a_revoked_key_is_called_revoked_even_for_what_came_before(
    package: bytes, key: PrivateKey, trusted: TrustedKey, now: datetime
) -> None:
    policy = TrustPolicy(keys=(replace(trusted, revoked_at=now - DAY, not_after=now - DAY),))
    with pytest.raises(errors.KeyRevoked) as refused:
        verify_signature(package, sign_bundle(package, key), policy, None, now, received_at=now - 9 * DAY)
    assert isinstance(refused.value, Forbidden)
    assert verify_signature(package, sign_bundle(package, key), policy, None, now - 2 * DAY), "it was good then"


def test_a_revoked_key_stays_revoked_under_another_name(
    package: bytes, key: PrivateKey, trusted: TrustedKey, now: datetime
) -> None:
    policy = TrustPolicy(keys=(rename(trusted, "again"), rename(trusted, "first", revoked_at=now)))
    with pytest.raises(errors.KeyRevoked):
        verify_signature(package, sign_detached(package, key), policy, None, now)


def test_a_key_can_be_renewed_by_registering_it_again(
    package: bytes, key: PrivateKey, trusted: TrustedKey, now: datetime
) -> None:
    policy = TrustPolicy(keys=(rename(trusted, "2025", not_after=now - DAY), rename(trusted, "2026", not_before=now)))
    assert verify_signature(package, sign_bundle(package, key), policy, None, now).signer == "2026"


def test_a_key_signs_only_packages_in_its_scope(
    package: bytes, key: PrivateKey, trusted: TrustedKey, now: datetime
) -> None:
    policy = TrustPolicy(keys=(replace(trusted, package_pattern="restart-*"),))
    material = sign_bundle(package, key)
    assert verify_signature(package, material, policy, "restart-unhealthy", now)
    with pytest.raises(errors.SignerOutOfScope):
        verify_signature(package, material, policy, "scale-on-latency", now)
    unnamed = verify_signature(package, material, policy, None, now)
    assert "scope" not in unnamed.checked
    with pytest.raises(errors.SignerOutOfScope):
        unnamed.require_scope("scale-on-latency")


# --- demands of the policy --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("demand", "error"),
    [("require_tlog", errors.TransparencyLogRequired), ("require_timestamp", errors.TimestampRequired)],
)
def test_a_demand_holds_for_every_format(
    demand: str, error: type[Exception], package: bytes, key: PrivateKey, policy: TrustPolicy, now: datetime
) -> None:
    legacy = json.dumps({"base64Signature": sign_detached(package, key).decode()}).encode()
    for material in (sign_bundle(package, key), sign_detached(package, key), legacy):
        with pytest.raises(error):
            verify_signature(package, material, replace(policy, **{demand: True}), None, now)


def test_two_signers_where_two_are_needed(
    package: bytes, key: PrivateKey, other_key: PrivateKey, trusted: TrustedKey, now: datetime
) -> None:
    policy = TrustPolicy(keys=(trusted, TrustedKey(name="bob", pem=public_pem(other_key))), threshold=2)
    alice, bob, again = sign_bundle(package, key), sign_bundle(package, other_key), sign_bundle(package, key)
    both = verify_signature(package, b"\n".join([alice, bob]), policy, "x", now)
    assert [both.signer, *(one.signer for one in both.cosigners)] == ["alice", "bob"]
    for material in (alice, b"\n".join([alice, again]), b"\n".join([alice, sign_bundle(package + b" ", other_key)])):
        with pytest.raises(errors.NotEnoughSignatures):
            verify_signature(package, material, policy, "x", now)


def test_one_key_under_two_names_is_one_signer(
    package: bytes, key: PrivateKey, trusted: TrustedKey, now: datetime
) -> None:
    policy = TrustPolicy(keys=(trusted, rename(trusted, "alice-too")), threshold=2)
    with pytest.raises(errors.NotEnoughSignatures):
        verify_signature(package, b"\n".join([sign_bundle(package, key)] * 2), policy, None, now)


# --- statements (DSSE) ------------------------------------------------------------------------------------------------


def test_a_statement_counts_for_its_subject_only(
    package: bytes, key: PrivateKey, policy: TrustPolicy, now: datetime, sign_statement: Callable[..., bytes]
) -> None:
    material = sign_statement(hashlib.sha256(package).hexdigest(), key)
    assert verify_signature(package, material, policy, None, now).signer == "alice"
    with pytest.raises(errors.DsseSubjectMismatch):
        verify_signature(package + b" ", material, policy, None, now)


def test_a_statement_must_be_signed_in_its_encoding(
    package: bytes, key: PrivateKey, policy: TrustPolicy, now: datetime, sign_statement: Callable[..., bytes]
) -> None:
    digest = hashlib.sha256(package).hexdigest()
    with pytest.raises(errors.SignatureMismatch):
        verify_signature(package, sign_statement(digest, key, message=package), policy, None, now)
    for odd in ({"signatures": 2}, {"signatures": 0}, {"payload_type": "text/plain"}, {"statement_type": "https://x"}):
        with pytest.raises(errors.SignatureMalformed):
            verify_signature(package, sign_statement(digest, key, **odd), policy, None, now)


# --- cosign's legacy bundle -------------------------------------------------------------------------------------------


def test_a_legacy_keyless_bundle_is_refused_with_the_way_out(
    package: bytes, key: PrivateKey, policy: TrustPolicy, now: datetime
) -> None:
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    for cert in (pem, base64.b64encode(pem.encode()).decode()):
        material = json.dumps({"base64Signature": sign_detached(package, key).decode(), "cert": cert}).encode()
        with pytest.raises(errors.LegacyKeylessRefused) as refused:
            verify_signature(package, material, policy, None, now)
        assert "--new-bundle-format" in refused.value.remedy


def test_a_key_inside_the_material_is_not_trusted(
    package: bytes, other_key: PrivateKey, policy: TrustPolicy, now: datetime
) -> None:
    embedded = base64.b64encode(public_pem(other_key).encode()).decode()
    material = json.dumps({"base64Signature": sign_detached(package, other_key).decode(), "cert": embedded}).encode()
    with pytest.raises(errors.SignatureMismatch):
        verify_signature(package, material, policy, None, now)


# --- what is no signature ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("material", [b"", b" \n\t"])
def test_nothing_is_unsigned(material: bytes, package: bytes, policy: TrustPolicy, now: datetime) -> None:
    with pytest.raises(errors.Unsigned):
        verify_signature(package, material, policy, None, now)


def test_material_is_bounded(package: bytes, policy: TrustPolicy, now: datetime) -> None:
    with pytest.raises(errors.SignatureTooLarge):
        verify_signature(package, b"A" * (MAX_MATERIAL + 1), policy, None, now)


@pytest.mark.parametrize(
    "material",
    [
        b"not a signature",
        b"\xff\xfe\x00",
        b"A" * 4096,
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        b"{",
        b"{}",
        b'{"mediaType": 7}',
        b'{"mediaType": ["application/vnd.dev.sigstore.bundle.v0.3+json"]}',
        b'{"mediaType": "application/vnd.dev.sigstore.bundle+json;version=9.9"}',
        b'{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}',
        b'{"base64Signature": ""}',
        b'{"base64Signature": "AAAA", "rekorBundle": {"SignedEntryTimestamp": "AAAA", "Payload": {}}}',
        b'{"mediaType": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"\n".join([b"{}"] * 17),
    ],
    ids=lambda material: repr(material[:24]),
)
def test_what_cannot_be_read_is_malformed(material: bytes, package: bytes, policy: TrustPolicy, now: datetime) -> None:
    with pytest.raises(errors.SignatureMalformed):
        verify_signature(package, material, policy, None, now)


@pytest.mark.parametrize(
    "members",
    [
        {"messageSignature": None},
        {"messageSignature__signature": "!!!!"},
        {"messageSignature__signature": ""},
        {"messageSignature__messageDigest__algorithm": "MD5"},
        {"verificationMaterial": {}},
        {"verificationMaterial__certificate": {"rawBytes": "AAAA"}},
        {"verificationMaterial": {"x509CertificateChain": {"certificates": []}}},
        {"verificationMaterial__tlogEntries": [{}, {}]},
        {"verificationMaterial__surprise": 1},
        {"dsseEnvelope": {"payload": "", "payloadType": "", "signatures": []}},
    ],
    ids=str,
)
def test_a_bundle_with_odd_members_is_malformed(
    members: dict[str, Any], package: bytes, key: PrivateKey, policy: TrustPolicy, now: datetime
) -> None:
    with pytest.raises(errors.SignatureMalformed):
        verify_signature(package, changed(sign_bundle(package, key), **members), policy, None, now)


def test_a_certificate_without_a_trusted_root_is_refused(
    package: bytes, key: PrivateKey, policy: TrustPolicy, now: datetime
) -> None:
    material = changed(sign_bundle(package, key), verificationMaterial={"certificate": {"rawBytes": "AAAA"}})
    with pytest.raises(errors.TrustedRootMissing):
        verify_signature(package, material, policy, None, now)


def test_every_refusal_says_what_to_do(package: bytes, policy: TrustPolicy, now: datetime) -> None:
    with pytest.raises(errors.TrustError) as refused:
        verify_signature(package, b"", policy, None, now)
    facts = refused.value.as_dict()
    assert facts["code"] == "unsigned"
    assert all(facts.values())
