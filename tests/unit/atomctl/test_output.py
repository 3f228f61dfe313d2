"""What people and programs read."""

from __future__ import annotations

import json

import pytest

from atom.errors import (
    AtomError,
    Conflict,
    Forbidden,
    InvalidInput,
    Misconfigured,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from atomctl.errors import RegistryRefused
from atomctl.output import Output, exit_code, plain, short, when

FACTS = {"expected": "this", "found": "that", "remedy": "do so"}


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (InvalidInput, 1),
        (TooLarge, 1),
        (Conflict, 1),
        (Misconfigured, 2),
        (Unavailable, 3),
        (Unauthenticated, 4),
        (Forbidden, 4),
        (NotFound, 5),
    ],
)
def test_each_kind_of_error_has_its_exit_code(kind: type[AtomError], code: int) -> None:
    assert exit_code(kind(**FACTS)) == code


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 1), (401, 4), (403, 4), (404, 5), (409, 1), (413, 1), (422, 1), (429, 3), (500, 3), (503, 3)],
)
def test_each_refusal_has_the_exit_code_of_its_status(status: int, code: int) -> None:
    assert exit_code(RegistryRefused(status, {"code": "x", "title": "X"})) == code


def test_a_problem_names_cause_expectation_finding_and_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    Output().problem(
        RegistryRefused(400, {"code": "unsigned", "title": "No signature", "quarantine_id": "q-1"} | FACTS)
    )
    out, err = capsys.readouterr()
    assert out == ""
    for fact in ("No signature", "this", "that", "do so", "q-1"):
        assert fact in err


def test_with_json_a_problem_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).problem(RegistryRefused(400, {"code": "unsigned", "title": "No signature"} | FACTS))
    assert json.loads(capsys.readouterr().err)["code"] == "unsigned"


def test_server_text_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "cart\x1b[2J\x1b]0;owned\x07\u202etxet\r[red]not markup[/red]"
    output = Output()
    output.table([{"name": evil}], {"name": "name"}, none="")
    output.facts({"name": evil})
    output.say(evil)
    output.problem(NotFound(expected=evil, found=evil, remedy=evil))
    out, err = capsys.readouterr()
    for unprintable in ("\x1b[2J", "\x1b]", "\x07", "\u202e", "\r"):
        assert unprintable not in out + err
    assert out.count("[red]not markup[/red]") == 3


def test_a_table_on_a_pipe_cuts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    digest = "sha256:" + "0123456789abcdef" * 4
    Output().table([{"id": digest, "n": None}], {"id": "id", "n": "n"}, none="")
    assert digest in capsys.readouterr().out


def test_times_and_digests_are_shortened_for_people() -> None:
    assert when("2026-11-22T10:00:00.123+00:00") == "2026-11-22 10:00:00"
    assert when("soon") == "soon"
    assert short("sha256:" + "a" * 64) == "sha256:aaaaaaaaaaaa…"
    assert plain(None) == ""
