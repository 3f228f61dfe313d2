"""The error hierarchy: one class per cause, three facts each.

Every error a user can meet says what was expected, what was found, and what to do about it. The base classes below are
the *kinds* of failure; HTTP maps a kind to a status (`registry_api/problems.py`), the command line to an exit code
(`atomctl/output.py`). Code outside those two files never mentions either.
"""

from __future__ import annotations

import re
from typing import ClassVar

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SHOWN = 2_000  # characters of any one fact: an error must never become a way to echo an upload back


class AtomError(Exception):
    """Base of everything Atom raises on purpose.

    `code` is the kebab-case class name: it names the cause in problem+json (`type`), in `--json` output, in metrics and
    in audit records, so renaming a class is a breaking change.
    """

    code: ClassVar[str] = "atom-error"

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls.code = _WORD.sub("-", cls.__name__).lower()

    def __init__(self, *, expected: str, found: str, remedy: str) -> None:
        self.expected = _shorten(expected)
        self.found = _shorten(found)
        self.remedy = _shorten(remedy)
        super().__init__(f"expected {self.expected}; found {self.found}")

    @property
    def title(self) -> str:
        """First line of the class docstring: what went wrong, in words that do not depend on the instance."""
        return (type(self).__doc__ or self.code).strip().splitlines()[0].rstrip(".")

    def as_dict(self) -> dict[str, str]:
        """The facts as plain strings, for JSON."""
        return {
            "code": self.code,
            "title": self.title,
            "expected": self.expected,
            "found": self.found,
            "remedy": self.remedy,
        }


def _shorten(fact: str) -> str:
    return fact if len(fact) <= _SHOWN else fact[: _SHOWN - 1] + "…"


class InvalidInput(AtomError):
    """The input is not well formed."""


class TooLarge(InvalidInput):
    """The input is larger than the limit."""


class Unauthenticated(AtomError):
    """Nobody proved who is asking."""


class Forbidden(AtomError):
    """The one asking may not do this."""


class NotFound(AtomError):
    """There is no such thing, or none that the one asking may see."""


class Conflict(AtomError):
    """The request does not fit the present state."""


class Unavailable(AtomError):
    """A component that is needed did not answer."""


class Misconfigured(AtomError):
    """A setting is missing or makes no sense."""
