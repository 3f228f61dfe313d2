"""Which trusted key made a signature, and whether that key is still good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from atom.trust.claim import Claim
from atom.trust.errors import KeyExpired, KeyNotYetValid, KeyRevoked, NoTrustedKey, SignatureMismatch
from atom.trust.policy import TrustedKey
from atom.trust.publickey import made_by


def find_key(keys: Sequence[TrustedKey], claim: Claim) -> list[TrustedKey]:
    """Every registration of the key that made the claim's signature, expired and revoked ones included.

    The hint is unauthenticated: it only says which key to try first. Raises NoTrustedKey where the signer is unknown,
    SignatureMismatch where it is known, or could be any of ours, and the signature is not by it over these bytes.
    """
    for key in sorted(keys, key=lambda key: key.hint != claim.hint):
        if made_by(key.public_key, claim.signature, claim.message):
            return [one for one in keys if one.key_id == key.key_id]
    hinted = [key.name for key in keys if key.hint == claim.hint]
    if not keys or (claim.hint and not hinted):
        raise NoTrustedKey(keys, claim.hint)
    raise SignatureMismatch(", ".join(hinted or [key.name for key in keys[:20]]))


def require_good_standing(registrations: Sequence[TrustedKey], signed_at: datetime, at: datetime) -> list[TrustedKey]:
    """The registrations under which the key counts for a signature made at `signed_at` and judged at `at`: one or more.

    One revoked registration spoils the key, however often it is registered. Otherwise one valid registration is enough,
    so that a key can be renewed by registering it again.
    """
    for key in registrations:
        if key.revoked_at is not None and key.revoked_at <= at:
            raise KeyRevoked(key)
    early = [key for key in registrations if key.not_before is not None and signed_at < key.not_before]
    late = [key for key in registrations if key.not_after is not None and key.not_after < signed_at]
    valid = [key for key in registrations if key not in early and key not in late]
    if valid:
        return valid
    raise KeyExpired(late[-1], signed_at) if late else KeyNotYetValid(early[0], signed_at)
