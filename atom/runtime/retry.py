"""Which failures are worth another attempt, and how long to wait before it."""

from __future__ import annotations

from random import Random

from atom.errors import Conflict, Unavailable
from atom.package.model import Backoff, Retry
from atom.runtime.errors import ActionCrashed, StepTimedOut, Throttled


def cause_of(error: Exception) -> str | None:
    """The name of the failure in `retryOn`; None for one that only `any` covers."""
    match error:
        case ActionCrashed():
            return None
        case StepTimedOut():
            return "timeout"
        case Throttled():
            return "throttled"
        case Conflict():
            return "conflict"
        case Unavailable():
            return "unavailable"
    return None


def wants_another(retry: Retry | None, attempt: int, error: Exception) -> bool:
    """Whether attempt number `attempt` (from 1), which ended with `error`, is followed by another."""
    if retry is None or attempt >= retry.max_attempts:
        return False
    return "any" in retry.retry_on or cause_of(error) in retry.retry_on


def delay(backoff: Backoff, attempt: int, random: Random) -> float:
    """Seconds to wait after attempt number `attempt` (from 1): exponential, capped, then spread by ± jitter."""
    longest = backoff.max.total_seconds()
    # A float power overflows past 10^308; the cap is reached long before.
    grown = min(longest, backoff.initial.total_seconds() * backoff.factor ** min(attempt - 1, 60))
    return grown * (1 + backoff.jitter * random.uniform(-1, 1))
