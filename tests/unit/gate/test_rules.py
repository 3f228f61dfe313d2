"""The rules' own examples are their tests."""

from __future__ import annotations

import pytest

from atom.gate.examples import example_package, objections
from atom.gate.rule import Rule
from atom.gate.rules import all_rules

BAD = [pytest.param(rule, text, id=f"{rule.id}-{n}") for rule in all_rules() for n, text in enumerate(rule.bad)]
GOOD = [pytest.param(rule, text, id=f"{rule.id}-{n}") for rule in all_rules() for n, text in enumerate(rule.good)]


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_a_bad_example_is_objected_to(rule: Rule, text: str) -> None:
    assert objections(rule, example_package(text))


@pytest.mark.parametrize(("rule", "text"), GOOD)
def test_a_good_example_is_not(rule: Rule, text: str) -> None:
    assert objections(rule, example_package(text)) == []


def test_every_rule_is_complete_and_its_names_are_its_own() -> None:
    rules = all_rules()
    assert len({rule.id for rule in rules}) == len({rule.name for rule in rules}) == len(rules)
    for rule in rules:
        for fact in (rule.why, rule.remedy, rule.sources, rule.bad, rule.good):
            assert fact, rule.id
