"""The rules, one file each: a module here with a `RULE` is a rule; nothing else registers it."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from atom.gate.rule import Rule


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule in this folder, by id."""
    modules = [import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    return tuple(sorted((module.RULE for module in modules), key=lambda rule: rule.id))
