from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from atom.package import canonical_json, load_package, parameters_digest, validate_parameters
from atom.package.errors import NotCanonical, ParametersInvalid

PLAYBOOKS = Path(__file__).parents[3] / "examples" / "playbooks"
RESTART = load_package((PLAYBOOKS / "restart-unhealthy.wpk.yaml").read_bytes())


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


GIVEN: dict[str, Any] = {"namespace": "shop", "deployment": "cart"}


def test_defaults_are_filled_in_and_what_is_given_wins() -> None:
    assert validate_parameters(RESTART, GIVEN) == {**GIVEN, "unhealthyFor": "5m", "maxPods": 2}
    assert validate_parameters(RESTART, {**GIVEN, "maxPods": 3})["maxPods"] == 3


def test_what_was_given_is_neither_kept_nor_changed() -> None:
    given = dict(GIVEN)
    validate_parameters(RESTART, given)["namespace"] = "other"
    assert given == GIVEN


@pytest.mark.parametrize(
    "given",
    [
        {},
        {**GIVEN, "surplus": 1},
        {**GIVEN, "namespace": "kube-system"},
        {**GIVEN, "namespace": "shop\n"},
        {**GIVEN, "namespace": "x" * 70_000},
        {**GIVEN, "namespace": "\ud800"},
        {**GIVEN, "maxPods": 6},
        {**GIVEN, "maxPods": True},
        {**GIVEN, "maxPods": "2"},
        {**GIVEN, "maxPods": float("nan")},
        {**GIVEN, "maxPods": 2**60},
        {**GIVEN, "maxPods": object()},
        {**GIVEN, 1: 2},
        {**GIVEN, "maxPods": nested(5000)},
    ],
)
def test_parameters_outside_the_schema_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ParametersInvalid):
        validate_parameters(RESTART, given)


def test_equal_parameters_have_one_digest_whatever_their_order_or_spelling() -> None:
    one = validate_parameters(RESTART, {"namespace": "shop", "deployment": "cart", "maxPods": 2.0})
    other = validate_parameters(RESTART, {"deployment": "cart", "namespace": "shop"})
    assert parameters_digest(one) == parameters_digest(other)
    assert one["maxPods"] == 2
    assert isinstance(one["maxPods"], int)
    assert parameters_digest({**one, "maxPods": 3}) != parameters_digest(one)


def test_canonical_json_is_that_of_rfc_8785() -> None:
    assert (
        canonical_json({"b": [1.0, 333333333.33333329], "a": "€\n"})
        == '{"a":"€\\n","b":[1,333333333.3333333]}'.encode()
    )
    with pytest.raises(NotCanonical):
        canonical_json(float("inf"))
