"""What a tenant accepts signatures from: trusted keys, trusted identities, and the proofs it insists on.

Everything here is checked when it is made, so that verification never meets an unreadable key or root.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated

from pydantic import ConfigDict, StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from atom.trust.errors import PolicyMalformed
from atom.trust.publickey import PublicKey, read_public_key, spki_digest

_MAX_SUBJECT = 2048  # characters of a certificate's identity that a pattern is asked about


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A registered public key.

    `not_before`/`not_after` bound when it may have signed (both inclusive, None for no bound). `revoked_at` ends trust
    in all it ever signed. `package_pattern` is a shell pattern (`team-a-*`) over the package names that it may sign.
    """

    name: str
    pem: str
    not_before: datetime | None = None
    not_after: datetime | None = None
    revoked_at: datetime | None = None
    package_pattern: str = "*"

    def __post_init__(self) -> None:
        read_public_key(self.pem)
        for moment in (self.not_before, self.not_after, self.revoked_at):
            _require_timezone(moment, self.name)

    @property
    def public_key(self) -> PublicKey:
        return read_public_key(self.pem)

    @property
    def key_id(self) -> str:
        """`sha256:<64 hex>` over the key's SubjectPublicKeyInfo (DER), whatever its name or the PEM's layout."""
        return "sha256:" + spki_digest(self.pem).hex()

    @property
    def hint(self) -> str:
        """The same digest in base64, as bundles name it."""
        return base64.b64encode(spki_digest(self.pem)).decode()


@dataclass(frozen=True, slots=True)
class TrustedIdentity:
    """Somebody whom an OIDC issuer vouches for: `issuer` exactly, `subject` exactly or as a pattern for all of it.

    A pattern is a regular expression in the syntax of Rust's `regex` (RE2-like: no look-around, no back references),
    so that matching takes linear time whatever an admin writes.
    """

    name: str
    issuer: str
    subject: str
    subject_is_regex: bool = False
    revoked_at: datetime | None = None
    package_pattern: str = "*"

    def __post_init__(self) -> None:
        if not (self.issuer and self.subject):
            raise PolicyMalformed(expected="an issuer and a subject", found=f"an empty one in identity {self.name}")
        if self.subject_is_regex:
            _full_match(self.subject)
        _require_timezone(self.revoked_at, self.name)

    def covers(self, subject: str, issuer: str) -> bool:
        """Whether this is whom a certificate for `subject` by `issuer` names."""
        if issuer != self.issuer or len(subject) > _MAX_SUBJECT:
            return False
        if not self.subject_is_regex:
            return subject == self.subject
        try:
            _full_match(self.subject).validate_python(subject)
        except ValidationError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """All that a tenant accepts.

    `require_tlog` asks for an entry of a trusted transparency log, `require_timestamp` for an RFC 3161 timestamp of a
    trusted authority, whichever way a package is signed (keyless signatures always need the log and a trusted time; in
    cosign's legacy bundle the log's promise is all that there is, and counts).
    `threshold` is how many different signers must have signed. `trusted_root` is a Sigstore `trusted_root.json`: the
    only certificate authorities, logs and timestamp authorities that count.
    """

    keys: tuple[TrustedKey, ...] = ()
    identities: tuple[TrustedIdentity, ...] = ()
    require_tlog: bool = False
    require_timestamp: bool = False
    threshold: int = 1
    trusted_root: bytes | None = None

    def __post_init__(self) -> None:
        if self.threshold < 1:
            raise PolicyMalformed(expected="a threshold of 1 or more", found=str(self.threshold))
        if self.trusted_root is not None:
            from atom.trust.roots import read_trusted_root  # half a second to import: only those with a root pay

            read_trusted_root(self.trusted_root)


@lru_cache(maxsize=1024)
def _full_match(pattern: str) -> TypeAdapter[str]:
    """A validator that accepts exactly the strings that `pattern` matches from end to end."""
    rust = ConfigDict(regex_engine="rust-regex")
    try:
        TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)], config=rust)  # alone: no `)|(` may break out
        return TypeAdapter(Annotated[str, StringConstraints(pattern=rf"\A(?:{pattern})\z")], config=rust)
    except SchemaError as error:
        raise PolicyMalformed(expected="a regular expression without look-around", found=repr(pattern)) from error


def _require_timezone(moment: datetime | None, name: str) -> None:
    if moment is not None and moment.tzinfo is None:
        raise PolicyMalformed(expected="times with a time zone", found=f"{moment} in {name}")
