"""What a verified signature says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase

from atom.trust.errors import SignerOutOfScope


class Kind(StrEnum):
    """How the bytes were signed."""

    DETACHED = "detached"  # base64 signature in a .sig file, by a key
    LEGACY_BUNDLE = "legacy-bundle"  # cosign 1 and 2's own JSON, by a key
    KEY_BUNDLE = "key-bundle"  # Sigstore bundle, by a key
    KEYLESS_BUNDLE = "keyless-bundle"  # Sigstore bundle, by a short-lived certificate


@dataclass(frozen=True, slots=True)
class Verification:
    """A signature that verified, and everything that was checked about it.

    `signer` is the name of the trusted key or identity. A key has a `key_id` (`sha256:<64 hex>` of its SPKI); a keyless
    signer has an `identity` and an `issuer`. `sig_time` is when it was made, only if somebody we trust says so (an RFC
    3161 authority, or a log's promise): a plain key signature has None. `blob` is the material as it was received.
    `package_patterns` are the signer's scope (shell patterns, any of them), `cosigners` the further signers where the
    policy asks for several.
    """

    signer: str
    kind: Kind
    key_id: str | None
    identity: str | None
    issuer: str | None
    sig_time: datetime | None
    checked: tuple[str, ...]
    blob: bytes
    package_patterns: tuple[str, ...] = ("*",)
    cosigners: tuple[Verification, ...] = ()

    def require_scope(self, package_name: str) -> None:
        """Raise SignerOutOfScope unless every signer may sign packages of this name.

        `verify_signature` does this where it is told the name. A caller that verifies before it parses, and so learns
        the name later, must call it then.
        """
        for one in (self, *self.cosigners):
            if not any(fnmatchcase(package_name, pattern) for pattern in one.package_patterns):
                raise SignerOutOfScope(one.signer, " or ".join(one.package_patterns), package_name)
