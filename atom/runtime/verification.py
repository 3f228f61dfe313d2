"""Did it help? A condition that must come true, and stay true for a while, before a deadline."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from atom.errors import Unavailable
from atom.package.model import Step
from atom.runtime.action import Call
from atom.runtime.errors import RunTimedOut, StepTimedOut, VerifyFailed
from atom.runtime.run import Json, Run, shown

POLL_SECONDS = 10.0


def hold(run: Run, step: Step, call: Call, look: Callable[[], Json]) -> Json:
    """The last result of `look` once `step.expect` has held for `step.for_`, all within `step.timeout`.

    A look that is merely unavailable counts as "does not hold": one missed scrape must not undo a good change. Raises
    VerifyFailed as soon as the deadline is too near for the condition to be held long enough.
    """
    deadline = call.cluster.now() + step.timeout
    condition = step.expect or "true"
    held_since: datetime | None = None
    while True:
        result: Json = {}
        try:
            result = look()
            holds = run.holds(condition, result=result)
            found = "it held for too short a time" if holds else shown(result)
        except Unavailable as error:
            if isinstance(error, StepTimedOut | RunTimedOut):
                raise
            holds, found = False, f"no answer: {error.title}"
        now = call.cluster.now()
        held_since = (held_since or now) if holds else None
        if held_since and now - held_since >= step.for_:
            return result
        if (held_since or now) + step.for_ > deadline or now >= deadline:
            raise VerifyFailed(condition, step.for_, step.timeout, found)
        call.pause(POLL_SECONDS)
