"""A Sigstore trusted root: the certificate authorities, logs and timestamp authorities that count, and when.

`sigstore` reads it and does the cryptography. It leaves most of `validFor` unenforced (its end altogether for CAs and
logs), so the windows are kept here beside what they bound. All windows are closed intervals (protobuf-specs,
`sigstore_common.proto`, TimeRange). Importing `sigstore` takes half a second, which is why only those who have a
trusted root import this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from cryptography.x509 import Certificate
from sigstore._internal.trust import CertificateAuthority, Keyring
from sigstore.models import TrustedRoot as SigstoreRoot
from sigstore.verify import Verifier
from sigstore_models.common.v1 import TimeRange
from sigstore_models.trustroot.v1 import TransparencyLogInstance
from sigstore_models.trustroot.v1 import TrustedRoot as _Model

from atom.trust.errors import TrustedRootUnreadable
from atom.trust.proofs import Window

_MAX_ROOT = 1024 * 1024  # bytes; the public root takes 7 KiB


@dataclass(frozen=True, slots=True)
class Log:
    """A transparency or certificate log: its one key, and when it counts."""

    keyring: Keyring
    window: Window


@dataclass(frozen=True, slots=True, eq=False)
class TrustedRoot:
    """What `trusted_root.json` says, ready for use. Logs are found by log id."""

    sigstore: Verifier
    logs: dict[bytes, Log]
    certificate_logs: dict[bytes, Log]
    authorities: tuple[tuple[frozenset[Certificate], Window], ...]

    def issuer_windows(self, issuer: Certificate) -> list[Window]:
        """The windows of every CA that `issuer` is a certificate of."""
        return [window for certificates, window in self.authorities if issuer in certificates]


@lru_cache(maxsize=64)  # one a tenant; reading takes milliseconds
def read_trusted_root(raw: bytes) -> TrustedRoot:
    """The root in `raw`. Raises TrustedRootUnreadable."""
    if len(raw) > _MAX_ROOT:
        raise TrustedRootUnreadable(f"{len(raw)} bytes")
    try:
        model = _Model.from_json(raw)
        for authority in model.timestamp_authorities:
            _close(authority.valid_for)
        root = SigstoreRoot(model)
        return TrustedRoot(
            sigstore=Verifier(trusted_root=root),
            logs=_logs(model.tlogs),
            certificate_logs=_logs(model.ctlogs),
            authorities=tuple(
                (frozenset(CertificateAuthority(one).certificates(allow_expired=True)), _window(one.valid_for))
                for one in model.certificate_authorities
            ),
        )
    except Exception as error:  # pydantic, sigstore and cryptography raise a dozen kinds here; all mean the same
        raise TrustedRootUnreadable(f"one that cannot be read: {str(error).partition(chr(10))[0]}") from error


def _close(valid_for: TimeRange) -> None:
    """sigstore takes a timestamp authority's end as excluded. The next representable moment makes it included."""
    if valid_for.end is not None:
        valid_for.end += timedelta(microseconds=1)


def _window(valid_for: TimeRange | None) -> Window:
    return Window(valid_for.start, valid_for.end) if valid_for else Window(None, None)


def _logs(instances: Sequence[TransparencyLogInstance]) -> dict[bytes, Log]:
    return {
        instance.log_id.key_id: Log(Keyring([instance.public_key]), _window(instance.public_key.valid_for))
        for instance in instances
    }
