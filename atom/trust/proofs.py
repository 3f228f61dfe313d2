"""What others prove about a signature, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Window:
    """When an authority counts, both ends included; None is no bound."""

    start: datetime | None
    end: datetime | None

    def __contains__(self, moment: datetime) -> bool:
        return (self.start is None or self.start <= moment) and (self.end is None or moment <= self.end)

    def __str__(self) -> str:
        return f"{self.start or '…'} to {self.end or '…'}"


@dataclass(frozen=True, slots=True)
class Logged:
    """A log entry that is what it says.

    `time` is the log's word for when; None unless it signed that, in a promise. `proven` says that a signed tree
    includes it, rather than only a promise. `window` is when the log's key counts.
    """

    time: datetime | None
    proven: bool
    window: Window


@dataclass(frozen=True, slots=True)
class Proofs:
    """What was proven about one signature. `stamps` are the times that trusted authorities signed (RFC 3161)."""

    logged: Logged | None = None
    stamps: tuple[datetime, ...] = ()

    @property
    def times(self) -> tuple[datetime, ...]:
        """Every time that somebody we trust signed."""
        return (*self.stamps, *([self.logged.time] if self.logged and self.logged.time else []))

    @property
    def checked(self) -> tuple[str, ...]:
        """What was proven, in the words of `Verification.checked`."""
        return (*(["transparency-log"] if self.logged else []), *(["timestamp"] if self.stamps else []))

    @property
    def time(self) -> datetime | None:
        """The earliest of them: the signature existed by then."""
        return min(self.times, default=None)
