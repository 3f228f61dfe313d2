"""Verifying what others prove about a signature: that a log holds it, and when it was made."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from rfc3161_client import decode_timestamp_response

from atom.trust.claim import Claim
from atom.trust.errors import TransparencyLogInvalid
from atom.trust.logentry import log_id, verify_log_entry
from atom.trust.proofs import Proofs
from atom.trust.roots import TrustedRoot


def prove(claim: Claim, signer: bytes, root: TrustedRoot, *, required: bool) -> Proofs:
    """Verify the claim's log entry and timestamps against `root`.

    An entry of a log that the root does not know proves nothing and is passed over unless it is `required`: a tenant
    with a private root may well receive files that were logged in public. One of a known log must hold.
    `signer`: see `verify_log_entry`.
    """
    proofs = Proofs(stamps=_timestamps(claim, root))
    for entry in claim.log_entries:
        if required or log_id(entry) in root.logs:
            proofs = replace(proofs, logged=verify_log_entry(entry, claim, signer, root))
    if proofs.logged:
        for time in proofs.times:
            if time not in proofs.logged.window:
                raise TransparencyLogInvalid(f"a signature of {time}; the log's key counts from {proofs.logged.window}")
    return proofs


def _timestamps(claim: Claim, root: TrustedRoot) -> tuple[datetime, ...]:
    """The times of those timestamps that a trusted authority made for this signature, within its window."""
    verified = (_timestamp(response, claim.signature, root) for response in claim.timestamps)
    return tuple(time for time in verified if time is not None)


def _timestamp(response: bytes, signature: bytes, root: TrustedRoot) -> datetime | None:
    try:
        result = root.sigstore._verify_signed_timestamp(decode_timestamp_response(response), signature)
    except Exception:  # what cannot be read, or holds an odd certificate, raises anything; it is no proof of time
        return None
    return result.time if result else None
