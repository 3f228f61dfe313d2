"""How errors look over HTTP: by their kind, with their facts, whatever text is in them."""

from __future__ import annotations

import json

import pytest

from atom import errors
from atom.errors import AtomError
from atom.flow.errors import OwnRequest, UploadRefused
from atom.store.database import new_id
from registry_api.problems import problem

STATUS = {
    errors.InvalidInput: 400,
    errors.TooLarge: 413,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Unavailable: 503,
    errors.Misconfigured: 503,
    AtomError: 500,
}


@pytest.mark.parametrize("kind", STATUS)
def test_each_kind_has_its_status_and_every_fact(kind: type[AtomError]) -> None:
    answer = problem(kind(expected="a", found="b", remedy="c"))
    body = json.loads(bytes(answer.body))
    assert answer.status_code == body["status"] == STATUS[kind]
    assert answer.media_type == "application/problem+json"
    assert (body["expected"], body["found"], body["remedy"]) == ("a", "b", "c")
    assert body["type"] == f"urn:atom:problem:{body['code']}"


def test_a_refused_upload_is_a_400_whatever_its_cause_with_the_causes_name() -> None:
    cause = errors.TooLarge(expected="a", found="b", remedy="c")
    quarantine = new_id()
    answer = problem(UploadRefused(cause, quarantine))
    body = json.loads(bytes(answer.body))
    assert (answer.status_code, body["code"], body["quarantine_id"]) == (400, "too-large", str(quarantine))


def test_who_should_come_back_is_told_when_and_who_is_unknown_how() -> None:
    assert problem(errors.Unavailable(expected="a", found="b", remedy="c")).headers["retry-after"]
    assert problem(errors.Unauthenticated(expected="a", found="b", remedy="c")).headers["www-authenticate"] == "Bearer"
    assert "retry-after" not in problem(OwnRequest("bob")).headers


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "x" * 10_000, '"}', "漢\u2028"])
def test_any_text_can_be_told(text: str) -> None:
    answer = problem(errors.Conflict(expected=text, found=text, remedy=text))
    assert json.loads(bytes(answer.body))["status"] == 409
    assert len(answer.body) < 40_000
