"""Everything a step can do: one file a family. A new file, or a new `@action` in one, is found by itself."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from atom.package.model import Effect
from atom.runtime.action import Action

_modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]

ACTIONS: Mapping[str, Action] = MappingProxyType(
    {found.name: found for module in _modules for found in vars(module).values() if isinstance(found, Action)}
)


def known_actions() -> dict[str, Effect]:
    """Every action's name with the effect that a step using it must declare."""
    return {name: found.effect for name, found in sorted(ACTIONS.items())}
