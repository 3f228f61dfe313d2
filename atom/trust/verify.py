"""The entry point: does somebody whom this tenant trusts vouch for exactly these bytes?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from pydantic_core import from_json

from atom.trust.bundle import read_bundle
from atom.trust.claim import Claim
from atom.trust.detached import read_detached
from atom.trust.errors import (
    NotEnoughSignatures,
    SignatureMalformed,
    SignatureTooLarge,
    TimestampRequired,
    TransparencyLogRequired,
    TrustedRootMissing,
    TrustError,
    Unsigned,
)
from atom.trust.legacy import read_legacy
from atom.trust.policy import TrustedKey, TrustPolicy
from atom.trust.proofs import Proofs
from atom.trust.publickey import spki
from atom.trust.signer import find_key, require_good_standing
from atom.trust.verification import Kind, Verification

MAX_MATERIAL = 256 * 1024  # bytes of signatures; a keyless bundle takes 10 KiB
_MAX_SIGNATURES = 16

__all__ = ["MAX_MATERIAL", "Kind", "Verification", "verify_signature"]


def verify_signature(
    data: bytes,
    material: bytes,
    policy: TrustPolicy,
    package_name: str | None,
    at: datetime,
    *,
    received_at: datetime | None = None,
) -> Verification:
    """Verify that `material` signs exactly `data`, by somebody whom `policy` trusts. Raises a TrustError.

    `material` is a Sigstore bundle v0.1 to v0.3, a detached base64 signature, or cosign's legacy JSON bundle; or
    several bundles, one a line. Its contents tell which. `at` is now: what was revoked by then does not count. A
    signature that nobody trusted has timed counts as made when we received it: `received_at`, or `at` where it is new
    to us. `package_name` is None only where the name is not known before the bytes are parsed: then the scope of the
    signer is not judged, and the caller owes `Verification.require_scope(name)`.

    No network, no clock, no files. The steps:

    1. Bound the material, and split it into signatures.
    2. Read each: recognise its format, and bind it to the bytes by the digests that it names.
    3. Find who signed: the trusted key, whatever the hint says; or the certificate's trusted identity.
    4. Verify what others prove: the log's entry, and the time.
    5. Judge the signer: not revoked, and valid when it signed.
    6. Apply the policy's demands for a log and for a timestamp.
    7. Count the different signers against the threshold.
    8. Judge the scope: may they sign packages of this name?
    """
    signatures = _split(material)  # (1)
    accepted: list[Verification] = []
    refused: list[TrustError] = []
    for blob in signatures:
        try:
            accepted.append(_verify_one(_read(blob, data), policy, received_at or at, at))  # (2 to 6)
        except TrustError as error:
            refused.append(error)
    first, *others = _require_enough(accepted, refused, policy.threshold)  # (7)
    scope = () if package_name is None else ("scope",)
    verification = replace(first, blob=material, cosigners=tuple(others), checked=(*first.checked, *scope))
    if package_name is not None:  # (8)
        verification.require_scope(package_name)
    return verification


def _split(material: bytes) -> list[bytes]:
    if not material.strip():
        raise Unsigned
    if len(material) > MAX_MATERIAL:
        raise SignatureTooLarge(len(material), MAX_MATERIAL)
    lines = [line for line in material.splitlines() if line.strip()]
    if not all(line.lstrip().startswith(b"{") for line in lines):  # one signature, however its text is laid out
        return [material]
    if len(lines) > _MAX_SIGNATURES:
        raise SignatureMalformed(expected=f"at most {_MAX_SIGNATURES} bundles, one a line", found=str(len(lines)))
    return lines


def _read(blob: bytes, data: bytes) -> Claim:
    if not blob.lstrip().startswith(b"{"):
        return read_detached(blob, data)
    try:
        fields = from_json(blob)
    except ValueError as error:
        raise SignatureMalformed(expected="a bundle in JSON", found=f"text that is no JSON: {error}") from error
    if "mediaType" in fields:
        return read_bundle(blob, fields, data)
    if "base64Signature" in fields:
        return read_legacy(blob, fields, data)
    raise SignatureMalformed(
        expected="a Sigstore bundle (with `mediaType`) or cosign's legacy bundle (with `base64Signature`)",
        found="JSON without either",
    )


def _verify_one(claim: Claim, policy: TrustPolicy, received_at: datetime, at: datetime) -> Verification:
    return _keyless(claim, policy, at) if claim.certificates else _by_key(claim, policy, received_at, at)


def _by_key(claim: Claim, policy: TrustPolicy, received_at: datetime, at: datetime) -> Verification:
    registrations = find_key(policy.keys, claim)  # (3)
    proven = _proofs(claim, registrations[0], policy)  # (4)
    valid = require_good_standing(registrations, proven.time or received_at, at)  # (5)
    _require_proofs(proven, claim, policy)  # (6)
    return Verification(
        signer=valid[0].name,
        kind=claim.kind,
        key_id=valid[0].key_id,
        identity=None,
        issuer=None,
        sig_time=proven.time,
        checked=("digest", "signature", *proven.checked, "validity", "revocation"),
        blob=claim.blob,
        package_patterns=tuple(key.package_pattern for key in valid),
    )


def _keyless(claim: Claim, policy: TrustPolicy, at: datetime) -> Verification:
    if policy.trusted_root is None:
        raise TrustedRootMissing
    from atom.trust.keyless import verify_keyless  # slow to import: only those who have a root pay
    from atom.trust.roots import read_trusted_root

    identities, subject, proven = verify_keyless(claim, policy, read_trusted_root(policy.trusted_root), at)  # (3, 4, 5)
    _require_proofs(proven, claim, policy)  # (6)
    return Verification(
        signer=identities[0].name,
        kind=claim.kind,
        key_id=None,
        identity=subject,
        issuer=identities[0].issuer,
        sig_time=proven.time,
        checked=("digest", "signature", "certificate", "identity", *proven.checked, "validity", "revocation"),
        blob=claim.blob,
        package_patterns=tuple(identity.package_pattern for identity in identities),
    )


def _proofs(claim: Claim, key: TrustedKey, policy: TrustPolicy) -> Proofs:
    """What others prove about a key's signature: nothing, unless the tenant says by a root whom to believe."""
    if policy.trusted_root is None or not (claim.log_entries or claim.timestamps):
        return Proofs()
    from atom.trust.prove import prove  # as above
    from atom.trust.roots import read_trusted_root

    return prove(claim, spki(key.public_key), read_trusted_root(policy.trusted_root), required=policy.require_tlog)


def _require_proofs(proofs: Proofs, claim: Claim, policy: TrustPolicy) -> None:
    if policy.require_tlog and not proofs.logged:
        raise TransparencyLogRequired(
            "an entry that no trusted root can verify" if claim.log_entries else "no log entry"
        )
    if policy.require_timestamp and not proofs.stamps:
        raise TimestampRequired(
            expected="an RFC 3161 timestamp over the signature by a trusted authority",
            found=f"{len(claim.timestamps)} timestamps, none of which a trusted authority made for it",
        )


def _require_enough(
    accepted: Sequence[Verification], refused: Sequence[TrustError], threshold: int
) -> list[Verification]:
    """The different signers, if they suffice. One signer counts once, whatever names or keys it signed with twice."""
    distinct: list[Verification] = []
    for one in accepted:
        if all(_who(one) != _who(other) and one.signer != other.signer for other in distinct):
            distinct.append(one)
    if len(distinct) >= threshold:
        return distinct
    if threshold == 1:
        raise refused[0]
    raise NotEnoughSignatures(threshold, [one.signer for one in distinct], refused)


def _who(one: Verification) -> tuple[str | None, ...]:
    return one.key_id, one.issuer, one.identity
