"""The public Sigstore conformance cases, decided offline by our entry point, and each refusal for its own reason.

The data is not part of this repository: CONFORMANCE_DATA names its folder (CI sets it).
"""

from __future__ import annotations

import base64
import json
import os
import socket
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sigstore.errors import Error as SigstoreError
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity
from sigstore_models.trustroot.v1 import TrustedRoot as RootModel

from atom.errors import AtomError
from atom.trust import errors
from atom.trust.bundle import pre_authentication_encoding, subject_digests
from atom.trust.policy import TrustedIdentity, TrustedKey, TrustPolicy
from atom.trust.publickey import made_by
from atom.trust.verify import Kind, Verification, verify_signature

DATA = Path(os.environ.get("CONFORMANCE_DATA", ""))
pytestmark = pytest.mark.skipif(
    "CONFORMANCE_DATA" not in os.environ, reason="CONFORMANCE_DATA names no folder of cases"
)

NOW = datetime(2026, 11, 1, tzinfo=UTC)
BEACON = (
    "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon"
    "/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
)
GITHUB = "https://token.actions.githubusercontent.com"

REFUSALS: dict[str, type[AtomError]] = {
    "bundle-empty-certificate-chain_fail": errors.SignatureMalformed,
    "bundle-from-wrong-instance_fail": errors.TransparencyLogInvalid,
    "bundle-invalid-base64-signature_fail": errors.SignatureMalformed,
    "bundle-malformed-json_fail": errors.SignatureMalformed,
    "bundle-negative-log-index_fail": errors.SignatureMalformed,
    "bundle-unknown-version_fail": errors.SignatureMalformed,
    "bundle-with-root-cert_fail": errors.CertificateNotTrusted,
    "checkpoint-bad-keyhint_fail": errors.TransparencyLogInvalid,
    "checkpoint-wrong-roothash_fail": errors.TransparencyLogInvalid,
    "dsse-invalid-sig_fail": errors.SignatureMismatch,
    "dsse-mismatch-envelope_fail": errors.TransparencyLogMismatch,
    "dsse-mismatch-sig_fail": errors.TransparencyLogMismatch,
    "inclusion-proof-corrupted-hash_fail": errors.TransparencyLogInvalid,
    "incorrect-public-key_fail": errors.TransparencyLogInvalid,
    "integrated-time-in-future_fail": errors.CertificateNotTrusted,
    "intoto-expired-certificate_fail": errors.CertificateNotTrusted,
    "intoto-log-entry-mismatch_fail": errors.TransparencyLogMismatch,
    "intoto-missing-inclusion-proof_fail": errors.TransparencyLogInvalid,
    "intoto-set-outside-signing-cert-validity_fail": errors.CertificateNotTrusted,
    "intoto-tsa-timestamp-outside-cert-validity_fail": errors.CertificateNotTrusted,
    "invalid-checkpoint-signature_fail": errors.TransparencyLogInvalid,
    "invalid-ct-key_fail": errors.CertificateNotLogged,
    "invalid-inclusion-proof_fail": errors.TransparencyLogInvalid,
    "managed-key-no-key_fail": errors.NoTrustedKey,
    "managed-key-wrong-key_fail": errors.PublicKeyUnreadable,
    "message-digest-mismatch_fail": errors.DigestMismatch,
    "rekor2-checkpoint-missing-log-signature_fail": errors.TransparencyLogInvalid,
    "rekor2-checkpoint-missing-origin_fail": errors.TransparencyLogInvalid,
    "rekor2-checkpoint-missing-root-hash_fail": errors.TransparencyLogInvalid,
    "rekor2-checkpoint-missing-size_fail": errors.TransparencyLogInvalid,
    "rekor2-checkpoint-no-matching-signature_fail": errors.TransparencyLogInvalid,
    "rekor2-dsse-invalid-sig_fail": errors.SignatureMismatch,
    "rekor2-dsse-mismatch-envelope_fail": errors.TransparencyLogMismatch,
    "rekor2-dsse-mismatch-sig_fail": errors.TransparencyLogMismatch,
    "rekor2-no-inclusion-proof_fail": errors.TransparencyLogInvalid,
    "rekor2-no-timestamp_fail": errors.TimestampRequired,
    "rekor2-timestamp-outside-trust-root-tsa-validity_fail": errors.TimestampRequired,
    "rekor2-timestamp-outside-tsa-cert-validity_fail": errors.TimestampRequired,
    "rekor2-timestamp-payload-mismatch_fail": errors.TimestampRequired,
    "rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail": errors.TimestampRequired,
    "rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail": errors.TimestampRequired,
    "rekor2-timestamp-with-incorrect-time_fail": errors.CertificateNotTrusted,
    "set-invalid-signature_fail": errors.TransparencyLogInvalid,
    "signature-mismatch_fail": errors.SignatureMismatch,
    "trust-root-tlog-missing-validity-start_fail": errors.TrustedRootUnreadable,
    "wrong-hashedrekord-artifact_fail": errors.TransparencyLogMismatch,
    "wrong-hashedrekord-cert-and-sig_fail": errors.TransparencyLogMismatch,
    "wrong-hashedrekord-entry_fail": errors.TransparencyLogMismatch,
    "wrong-material_fail": errors.DigestMismatch,
}


def cases() -> list[Path]:
    folder = DATA / "sigstore-bundle-verify"
    return sorted(path for path in folder.iterdir() if path.is_dir()) if "CONFORMANCE_DATA" in os.environ else [DATA]


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verification that reaches for the network fails."""

    def refuse(*_: object) -> None:
        raise AssertionError("verification used the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def text(path: Path, default: str) -> str:
    return path.read_text().strip() if path.exists() else default


def policy_of(case: Path) -> TrustPolicy:
    """What one case's folder says to trust (rules: the README beside the folders)."""
    root, key = case / "trusted_root.json", case / "key.pub"
    identity = TrustedIdentity(
        name="conformance", issuer=text(case / "issuer", GITHUB), subject=text(case / "identity", BEACON)
    )
    return TrustPolicy(
        keys=(TrustedKey(name="managed", pem=key.read_text()),) if key.exists() else (),
        identities=(identity,),
        trusted_root=(root if root.exists() else DATA / "sigstore-roots" / "prod_trusted_root.json").read_bytes(),
    )


def artifact_of(case: Path) -> bytes:
    own = case / "artifact"
    return (own if own.exists() else case.parent / "a.txt").read_bytes()


def bundle_of(case: Path) -> bytes:
    return (case / "bundle.sigstore.json").read_bytes()


def case_named(name: str) -> Path:
    return DATA / "sigstore-bundle-verify" / name


def decide(case: Path, policy: TrustPolicy | None = None, package_name: str = "any") -> Verification:
    return verify_signature(artifact_of(case), bundle_of(case), policy or policy_of(case), package_name, NOW)


def test_all_cases_are_here() -> None:
    assert len(cases()) == 70
    assert REFUSALS.keys() == {case.name for case in cases() if case.name.endswith("_fail")}


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_public_case_is_decided_as_its_name_says(case: Path) -> None:
    if case.name.endswith("_fail"):
        with pytest.raises(AtomError) as refused:
            decide(case)
        assert type(refused.value) is REFUSALS[case.name], refused.value
    else:
        assert decide(case).signer in {"conformance", "managed"}


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_we_agree_with_sigstore_where_it_can_judge(case: Path) -> None:
    """sigstore's own `Verifier` is the oracle; it knows no keys, no in-toto entries, and no closed windows."""
    if (
        case.name in {"intoto-with-custom-trust-root", "trust-root-tsa-validity-end-inclusive"}
        or "managed" in case.name
    ):
        pytest.skip("beyond sigstore-python")
    assert accepted_by_sigstore(case) == (not case.name.endswith("_fail"))


def accepted_by_sigstore(case: Path) -> bool:
    try:
        policy = policy_of(case)
        root = policy.trusted_root or b""
        identity = Identity(identity=policy.identities[0].subject, issuer=policy.identities[0].issuer)
        bundle = Bundle.from_json(bundle_of(case))
        verifier = Verifier(trusted_root=TrustedRoot(RootModel.from_json(root)))
        if b"dsseEnvelope" in bundle_of(case):
            verifier.verify_dsse(bundle, identity)
        else:
            verifier.verify_artifact(artifact_of(case), bundle, identity)
    except (AtomError, SigstoreError, ValueError):
        return False
    return True


# --- keyless: the tenant's own policy ---------------------------------------------------------------------------------


def test_a_keyless_signature_says_who_and_when() -> None:
    verified = decide(case_named("happy-path-v0.3"))
    assert (verified.kind, verified.identity, verified.issuer) == (Kind.KEYLESS_BUNDLE, BEACON, GITHUB)
    assert verified.sig_time == datetime(2024, 3, 19, 17, 26, 26, tzinfo=UTC)
    assert {"certificate", "identity", "transparency-log"} <= set(verified.checked)
    assert "timestamp" in decide(case_named("rekor2-happy-path")).checked


def test_an_identity_that_nobody_trusts_is_refused() -> None:
    case = case_named("happy-path-v0.3")
    for one in (
        TrustedIdentity(name="x", issuer=GITHUB, subject=BEACON + "2"),
        TrustedIdentity(name="x", issuer=GITHUB + "/", subject=BEACON),
        TrustedIdentity(name="x", issuer=GITHUB, subject=r"https://github\.com/[^/]+", subject_is_regex=True),
    ):
        with pytest.raises(errors.IdentityNotTrusted, match="beacon"):
            decide(case, replace(policy_of(case), identities=(one,)))
    pattern = TrustedIdentity(name="x", issuer=GITHUB, subject=r"https://github\.com/sigstore.*", subject_is_regex=True)
    assert decide(case, replace(policy_of(case), identities=(pattern,))).signer == "x"


def test_a_revoked_or_foreign_identity_is_refused() -> None:
    case = case_named("happy-path-v0.3")
    (identity,) = policy_of(case).identities
    with pytest.raises(errors.IdentityRevoked):
        decide(case, replace(policy_of(case), identities=(identity, replace(identity, revoked_at=NOW))))
    with pytest.raises(errors.SignerOutOfScope):
        decide(case, replace(policy_of(case), identities=(replace(identity, package_pattern="team-a-*"),)))


def test_a_demand_for_a_timestamp_holds_for_keyless_too() -> None:
    case = case_named("happy-path-v0.3")
    with pytest.raises(errors.TimestampRequired):
        decide(case, replace(policy_of(case), require_timestamp=True))
    assert decide(
        case_named("rekor2-happy-path"), replace(policy_of(case_named("rekor2-happy-path")), require_timestamp=True)
    )


def test_a_certificate_with_a_key_of_an_unknown_kind_is_refused() -> None:
    case = case_named("happy-path-v0.3")
    bundle = json.loads(bundle_of(case))
    certificate = bundle["verificationMaterial"]["certificate"]
    der = base64.b64decode(certificate["rawBytes"])
    elliptic, unknown = bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d0401")
    certificate["rawBytes"] = base64.b64encode(der.replace(elliptic, unknown)).decode()
    with pytest.raises(errors.CertificateNotTrusted):
        verify_signature(artifact_of(case), json.dumps(bundle).encode(), policy_of(case), "any", NOW)


@pytest.mark.parametrize("authorities", ["certificateAuthorities", "tlogs", "ctlogs", "timestampAuthorities"])
def test_an_authority_counts_within_its_window_only(authorities: str) -> None:
    case = case_named("rekor2-happy-path")
    root = json.loads(policy_of(case).trusted_root or b"")
    for authority in root[authorities]:
        holder = authority.get("publicKey", authority)
        holder["validFor"] = {"start": "2020-01-01T00:00:00Z", "end": "2021-01-01T00:00:00Z"}
    with pytest.raises(AtomError) as refused:
        decide(case, replace(policy_of(case), trusted_root=json.dumps(root).encode()))
    assert (
        type(refused.value)
        is {
            "certificateAuthorities": errors.CertificateNotTrusted,
            "tlogs": errors.TransparencyLogInvalid,
            "ctlogs": errors.CertificateNotLogged,
            "timestampAuthorities": errors.TimestampRequired,
        }[authorities]
    )


# --- keys -------------------------------------------------------------------------------------------------------------


def test_a_key_bundle_with_log_entry_has_a_time_and_meets_the_demands() -> None:
    case = case_named("managed-key-happy-path")
    verified = decide(case, replace(policy_of(case), require_tlog=True, require_timestamp=True))
    assert verified.sig_time == datetime(2025, 12, 18, 17, 4, 39, tzinfo=UTC)
    assert {"transparency-log", "timestamp"} <= set(verified.checked)
    (key,) = policy_of(case).keys
    expired_since = replace(key, not_after=datetime(2025, 12, 31, tzinfo=UTC))
    assert decide(case, replace(policy_of(case), keys=(expired_since,))), "it was valid when it signed"
    expired_before = replace(key, not_after=datetime(2025, 12, 1, tzinfo=UTC))
    with pytest.raises(errors.KeyExpired):
        decide(case, replace(policy_of(case), keys=(expired_before,)))


def test_a_log_entry_of_a_log_that_we_do_not_know_proves_nothing() -> None:
    case = case_named("managed-key-happy-path")  # logged in production
    staging = (DATA / "sigstore-roots" / "staging_trusted_root.json").read_bytes()
    verified = decide(case, replace(policy_of(case), trusted_root=staging))
    assert verified.sig_time is None
    assert "transparency-log" not in verified.checked
    with pytest.raises(errors.TransparencyLogInvalid):
        decide(case, replace(policy_of(case), trusted_root=staging, require_tlog=True))


def test_the_log_entry_of_another_signature_is_refused() -> None:
    case, donor = case_named("managed-key-happy-path"), case_named("happy-path-v0.3")
    bundle, other = json.loads(bundle_of(case)), json.loads(bundle_of(donor))
    bundle["verificationMaterial"]["tlogEntries"] = other["verificationMaterial"]["tlogEntries"]
    with pytest.raises(errors.TransparencyLogMismatch):
        verify_signature(artifact_of(case), json.dumps(bundle).encode(), policy_of(case), "any", NOW)


def test_a_real_wrong_key_is_refused() -> None:
    case = case_named("managed-key-happy-path")
    wrong = TrustedKey(name="wrong", pem=(DATA / "cosign-legacy-key" / "other-key.pub").read_text())
    with pytest.raises(errors.NoTrustedKey):
        decide(case, replace(policy_of(case), keys=(wrong,)))


def test_detached_signatures_of_an_old_cosign_are_accepted() -> None:
    folder = DATA / "cosign-legacy-key"
    right = TrustPolicy(keys=(TrustedKey(name="right", pem=(folder / "cosign.pub").read_text()),))
    wrong = TrustPolicy(keys=(TrustedKey(name="wrong", pem=(folder / "other-key.pub").read_text()),))
    for blob in sorted(folder.glob("*.txt")):
        data, signature = blob.read_bytes(), blob.with_suffix(".txt.sig").read_bytes()
        assert verify_signature(data, signature, right, None, NOW).kind is Kind.DETACHED
        with pytest.raises(errors.SignatureMismatch):
            verify_signature(data, signature, wrong, None, NOW)
        with pytest.raises(errors.SignatureMismatch):
            verify_signature(data.replace(b"\r\n", b"\n"), signature, right, None, NOW)


def test_a_statement_by_cosign_3_is_signed_by_its_key_and_about_its_subject() -> None:
    """The file itself is not at hand, only its digest: so the two halves are checked, and another file is refused."""
    folder = DATA / "cosign-v3-key-dsse"
    material = (folder / "bundle.sigstore.json").read_bytes()
    envelope = json.loads(material)["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"])
    assert subject_digests(payload) == [(folder / "subject.sha256").read_text().strip()]
    key = TrustedKey(name="cosign", pem=(folder / "key.pub").read_text())
    message = pre_authentication_encoding(envelope["payloadType"], payload)
    assert made_by(key.public_key, base64.b64decode(envelope["signatures"][0]["sig"]), message)
    with pytest.raises(errors.DsseSubjectMismatch):
        verify_signature(b"another file", material, TrustPolicy(keys=(key,)), None, NOW)


# --- mutations --------------------------------------------------------------------------------------------------------

MUTATED = (
    "happy-path-v0.1",
    "happy-path-v0.3",
    "happy-path-intoto-in-dsse-v3",
    "rekor2-happy-path",
    "managed-key-happy-path",
)


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(MUTATED), at=st.integers(0, 2**20), put=st.binary(max_size=4), cut=st.integers(0, 4))
def test_a_mutated_bundle_never_escapes_the_error_hierarchy_nor_gets_in(
    name: str, at: int, put: bytes, cut: int
) -> None:
    case = case_named(name)
    bundle = bundle_of(case)
    at %= len(bundle)
    mutated = bundle[:at] + put + bundle[at + cut :]
    with pytest.raises(AtomError):
        verify_signature(artifact_of(case) + b" ", mutated, policy_of(case), "any", NOW)
    try:  # some members are not signed: changing them may leave the signature good, but not make it another one
        verified = verify_signature(artifact_of(case), mutated, policy_of(case), "any", NOW)
    except AtomError:
        return
    original = decide(case)
    assert (verified.signer, verified.identity, verified.key_id) == (
        original.signer,
        original.identity,
        original.key_id,
    )
    assert verified.sig_time in {original.sig_time, None}
