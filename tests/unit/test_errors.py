"""Every error has one cause, three facts, a name of its own, and a kind that HTTP and the command line know."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator

import pytest

import atom
import atomctl
import migrations
import orchestration
import registry_api
from atom import errors
from atom.errors import AtomError

KINDS = (
    errors.InvalidInput,
    errors.TooLarge,
    errors.Unauthenticated,
    errors.Forbidden,
    errors.NotFound,
    errors.Conflict,
    errors.Unavailable,
    errors.Misconfigured,
)


def _subclasses(of: type[AtomError]) -> Iterator[type[AtomError]]:
    for child in of.__subclasses__():
        yield child
        yield from _subclasses(child)


def _all() -> list[type[AtomError]]:
    for package in (atom, atomctl, migrations, registry_api, orchestration):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if (
                not module.name.endswith("__main__")
                and ".versions" not in module.name
                and module.name not in _LOAD_NOTHING
            ):
                importlib.import_module(module.name)
    return sorted(
        {c for c in _subclasses(AtomError) if not c.__module__.startswith("tests")},
        key=lambda c: (c.__module__, c.__name__),
    )


_LOAD_NOTHING = {"migrations.env", "orchestration.definitions"}  # the one runs migrations, the other reads settings


@pytest.fixture(scope="module")
def every() -> list[type[AtomError]]:
    found = _all()
    assert len(found) > 80
    return found


def test_every_error_is_of_a_kind(every: list[type[AtomError]]) -> None:
    leaves = [e for e in every if not e.__subclasses__() and e.__name__ != "RegistryRefused"]  # it repeats the server's
    assert [e.__name__ for e in leaves if not issubclass(e, KINDS)] == []


def test_every_error_says_in_its_first_line_what_went_wrong(every: list[type[AtomError]]) -> None:
    for error in every:
        title = (error.__dict__.get("__doc__") or "").strip().splitlines()
        assert title, f"{error.__name__} has no docstring of its own"
        assert title[0].endswith("."), (error.__name__, title[0])
        assert len(title[0]) < 140, error.__name__


def test_every_code_names_one_cause(every: list[type[AtomError]]) -> None:
    codes = Counter(error.code for error in every)
    assert [code for code, count in codes.items() if count > 1] == []
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code) for code in codes)


def test_the_facts_are_kept_and_bounded() -> None:
    class SomethingWrong(errors.Conflict):
        """Something is wrong.

        More about it.
        """

    error = SomethingWrong(expected="a", found="b" * 10_000, remedy="c")
    assert error.code == "something-wrong"
    assert error.title == "Something is wrong"
    assert str(error).startswith("expected a; found bbb")
    assert len(error.found) == 2000
    assert error.found.endswith("…")
    assert error.as_dict().keys() == {"code", "title", "expected", "found", "remedy"}


def test_an_error_can_not_be_made_without_its_facts() -> None:
    with pytest.raises(TypeError):
        AtomError("just a text")  # type: ignore[misc,call-arg]
    assert inspect.signature(AtomError.__init__).parameters.keys() == {"self", "expected", "found", "remedy"}
