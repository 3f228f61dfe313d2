"""`atomctl doctor`: each component, where it comes from, whether it answers, and what to do if it does not."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from atom.local.components import Origin
from atom.local.diagnosis import Diagnosis, diagnose
from atom.settings import Settings

_HEALTH = {True: "[green]healthy[/]", False: "[bold red]not healthy[/]", None: "[dim]-[/]"}


def doctor(home: Path, settings: Settings, *, as_json: bool = False, console: Console | None = None) -> bool:
    """Print the findings; returns whether everything that can be healthy is."""
    console = console or Console()
    found = diagnose(home, settings)
    if as_json:
        console.print_json(json.dumps([each.as_dict() for each in found]))
    else:
        _show(console, found)
    return all(each.healthy is not False for each in found)


def _show(console: Console, found: list[Diagnosis]) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("component", "origin", "health", "version", "where"):
        table.add_column(title, overflow="fold")
    for each in found:
        table.add_row(each.component, each.origin, _HEALTH[each.healthy], each.version, each.where)
    console.print(table)
    ill: dict[tuple[str, str], list[str]] = {}
    for each in found:
        if each.healthy is False:
            setting = f" ({each.setting})" if each.origin is Origin.CONFIGURED else ""
            ill.setdefault((each.why_not, each.remedy), []).append(each.component + setting)
        elif each.fallback and each.origin is not Origin.CONFIGURED:
            _say(console, f"{each.component}: {each.setting} is not set: {each.fallback}", "dim")
    for (why_not, remedy), components in ill.items():
        _say(console, f"{', '.join(components)}: {why_not}\n  → {remedy}", "")


def _say(console: Console, text: str, style: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True, style=style)
