"""Environment variables: what the stack's own processes get, what another shell gets, and what is taken back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from atom.local.files import write_private
from atom.settings import Settings

_ALIASES = {name: str(field.alias or name) for name, field in Settings.model_fields.items()}
_DEFAULTS = {str(field.alias or name): field.default for name, field in Settings.model_fields.items()}
_VALUES, _OWN = "environment.json", "environment-own.json"  # {name: value}, and the names that the stack made up
_LOOPBACK = "127.0.0.1,localhost"


def given(settings: Settings) -> dict[str, str]:
    """Every setting that differs from its default, by the name of its environment variable, secrets revealed."""
    values = {alias: getattr(settings, name) for name, alias in _ALIASES.items()}
    return {
        alias: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for alias, value in values.items()
        if value != _DEFAULTS[alias]
    }


def child_environment(values: Mapping[str, str]) -> dict[str, str]:
    """Ours, with no setting but `values`, and with no proxy between processes of one machine."""
    ours = {name: value for name, value in os.environ.items() if name not in _ALIASES.values()}
    ours.pop("PYTHONDONTWRITEBYTECODE", None)  # six processes that compile the same code at each start are slow
    for name in ("NO_PROXY", "no_proxy"):
        ours[name] = f"{ours[name]},{_LOOPBACK}" if ours.get(name) else _LOOPBACK
    return ours | dict(values)


def save_environment(home: Path, values: Mapping[str, str], settings: Settings) -> None:
    """Remember what other shells need (`atomctl env` and `atomctl doctor` read it), and which of it `settings` gave."""
    theirs = given(settings)
    own = [name for name, value in values.items() if theirs.get(name) != value]
    write_private(home / _OWN, json.dumps(own))
    write_private(home / _VALUES, json.dumps(dict(values), indent=1))


def saved_environment(home: Path) -> dict[str, str]:
    """What the last start of this home saved; empty if there was none."""
    file = home / _VALUES
    values: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    return values


def without_own(home: Path, settings: Settings) -> Settings:
    """`settings` less those that this home itself gave out.

    A shell that evaluated `atomctl env` has every variable set; starting the stack from it must not take its own
    servers for configured ones.
    """
    saved, now = saved_environment(home), given(settings)
    file = home / _OWN
    made_up: list[str] = json.loads(file.read_text()) if file.exists() else []
    own = {alias for alias in made_up if alias in saved and saved[alias] == now.get(alias)}
    return settings.model_copy(update={name: _DEFAULTS[alias] for name, alias in _ALIASES.items() if alias in own})
