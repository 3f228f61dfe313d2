"""The public Sigstore conformance cases, decided offline by our entry point, and each refusal for its own reason.

The data is not part of this repository: CONFORMANCE_DATA names its folder (CI sets it).
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from atom.errors import AtomError
from atom.trust import errors
from atom.trust.policy import TrustedIdentity, TrustedKey, TrustPolicy
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
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def text(path: Path, default: str) -> str:
    return path.read_text().strip() if path.exists() else default


def decide(case: Path) -> Verification:
    """Verify one case as its folder describes it (rules: the README beside the folders)."""
    root = case / "trusted_root.json"
    artifact = case / "artifact"
    key = case / "key.pub"
    policy = TrustPolicy(
        keys=(TrustedKey(name="managed", pem=key.read_text()),) if key.exists() else (),
        identities=(
            TrustedIdentity(
                name="conformance", issuer=text(case / "issuer", GITHUB), subject=text(case / "identity", BEACON)
            ),
        ),
        trusted_root=(root if root.exists() else DATA / "sigstore-roots" / "prod_trusted_root.json").read_bytes(),
    )
    data = (artifact if artifact.exists() else case.parent / "a.txt").read_bytes()
    return verify_signature(data, (case / "bundle.sigstore.json").read_bytes(), policy, "any", NOW)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_public_case_is_decided_as_its_name_says(case: Path, offline: None) -> None:
    if case.name.endswith("_fail"):
        with pytest.raises(AtomError) as refused:
            decide(case)
        assert type(refused.value) is REFUSALS[case.name], refused.value
    else:
        assert decide(case).signer in {"conformance", "managed"}
