from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from atom.package import compile_expression, resolve
from atom.package.errors import ExpressionFailed, ExpressionInvalid

SCOPE = {
    "params": {"namespace": "shop", "deployment": "cart", "targetP95Ms": 200, "stepPercent": 50, "maxReplicas": 10},
    "steps": {
        "find": {"pods": [{"name": "cart-1"}]},
        "before": {"spec": {"replicas": 4}},
        "latency-before": {"value": 412.5},
    },
    "preflight": {"has-spare-capacity": {"status": {"observedGeneration": 3}, "metadata": {"generation": 3}}},
    "result": {"value": 0, "items": []},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("params.namespace + '/' + params.deployment", "shop/cart"),
        ("size(steps.find.pods) > 0", True),
        ("steps.find.pods", [{"name": "cart-1"}]),
        ("preflight['has-spare-capacity'].status.observedGeneration", 3),
        ("steps['latency-before'].value > double(params.targetP95Ms)", True),
        ("0.8 * steps['latency-before'].value", 330.0),
        ("result.value == 0.0", True),
        ("result.value >= 0.7", False),
        ("steps.before.spec.replicas + 1 + (steps.before.spec.replicas * params.stepPercent) / 100", 7),
        ("has(result.missing)", False),
        ("steps.find.pods.map(p, p.name)", ["cart-1"]),
    ],
)
def test_expressions_of_the_playbooks_give_plain_values(text: str, value: object) -> None:
    assert compile_expression(text).evaluate(SCOPE) == value


def test_resolve_replaces_expressions_at_any_depth_and_nothing_else() -> None:
    values = {
        "name": {"cel": "params.deployment"},
        "list": [{"cel": "1 + 1"}, {"cel": "a", "b": 1}],
        "text": "{cel: x}",
    }
    assert resolve(values, SCOPE) == {"name": "cart", "list": [2, {"cel": "a", "b": 1}], "text": "{cel: x}"}
    assert values["name"] == {"cel": "params.deployment"}


@pytest.mark.parametrize(
    "text",
    [
        "1 +",
        "unknown.name",
        "1 + 'a'",
        "a" * 3000,
        "(" * 500 + "1" + ")" * 500,
        "'a" + "\ud800" + "'",
        "1\x00",
        "['x']" + ".map(a, a + a + a + a)" * 10 + "[0]",
        "[0]" + ".map(a, [a, a, a, a, a, a, a, a, a])" * 4,
    ],
)
def test_what_does_not_compile_or_could_grow_without_bound_is_refused(text: str) -> None:
    with pytest.raises(ExpressionInvalid):
        compile_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "params.missing",
        "event.labels",
        "1 / 0",
        "9223372036854775807 + 1",
        "1.0 / 0.0",
        "duration('5s')",
        "b'bytes'",
        "{1: 2}",
        "result.huge + 1",
        "result.list.map(a, result.list.map(b, a)).size()",
        "result.deep",
    ],
)
def test_what_fails_or_is_not_json_or_exceeds_the_budget_is_an_error_of_its_own(text: str) -> None:
    deep: list[object] = []
    for _ in range(600):
        deep = [deep]
    scope = {**SCOPE, "result": {"huge": 2**70, "list": list(range(300)), "deep": deep}}
    with pytest.raises(ExpressionFailed):
        compile_expression(text).evaluate(scope)


@pytest.mark.parametrize("alien", [object(), "\ud800", {1, 2}])
def test_values_that_are_not_json_never_enter(alien: object) -> None:
    with pytest.raises(ExpressionFailed):
        compile_expression("params.x").evaluate({"params": {"x": alien}})


def test_one_expression_serves_many_threads() -> None:
    expression = compile_expression("params.n * 2")
    with ThreadPoolExecutor(4) as pool:
        doubled = list(pool.map(lambda n: expression.evaluate({"params": {"n": n}}), range(500)))
    assert doubled == [n * 2 for n in range(500)]
