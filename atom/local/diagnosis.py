"""How each component fares: where it comes from, its version, whether it answers, and if not, why and what to do."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from atom.errors import AtomError
from atom.local import checks
from atom.local.components import DAGSTER, OTHERS, SERVED, Component, Origin
from atom.local.dagster_home import pool_socket
from atom.local.environment import saved_environment, without_own
from atom.local.ports import Ports
from atom.local.stack import is_running
from atom.settings import Settings


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Of one component. `healthy` is None for what has nothing to ask: a fallback that is part of Atom, or nothing."""

    component: str
    origin: Origin
    healthy: bool | None
    setting: str
    where: str = ""
    version: str = ""
    why_not: str = ""
    remedy: str = ""
    fallback: str = ""

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def diagnose(home: Path, settings: Settings) -> list[Diagnosis]:
    """Every component, asked at the same time. Reads what the last start of `home` saved; changes nothing."""
    home = home.resolve()
    given = without_own(home, settings)
    running = is_running(home)
    embedded = _settings_of(home)
    asked: list[Callable[[], Diagnosis]] = [
        lambda c=component: _one(c, given, embedded, running)  # type: ignore[misc]
        for component in (*SERVED, *OTHERS)
    ]
    asked += [
        lambda n=name, w=where, c=check: _program(n, w, c, running)  # type: ignore[misc]
        for name, where, check in _programs(home, embedded, own_dagster=not DAGSTER.configured(given))
    ]
    with ThreadPoolExecutor(len(asked)) as pool:
        return [future.result() for future in [pool.submit(each) for each in asked]]


def _one(component: Component, given: Settings, embedded: Settings | None, running: bool) -> Diagnosis:
    where = component.configured(given)
    if where is not None:
        return _ask(component, given, Origin.CONFIGURED, where)
    if component in OTHERS:
        return Diagnosis(component.name, component.otherwise, None, component.setting, fallback=component.fallback)
    if not running or embedded is None:
        return _not_running(component.name, component.setting, component.fallback)
    return _ask(component, embedded, Origin.EMBEDDED, component.configured(embedded) or "")


def _ask(component: Component, settings: Settings, origin: Origin, where: str) -> Diagnosis:
    fallback = component.fallback
    try:
        version = component.reach(settings)
    except AtomError as error:
        remedy = error.remedy if origin is Origin.CONFIGURED else "read its log in the home's logs folder"
        return Diagnosis(component.name, origin, False, component.setting, where, "", error.found, remedy, fallback)
    return Diagnosis(component.name, origin, True, component.setting, where, version, fallback=fallback)


def _not_running(name: str, setting: str, fallback: str) -> Diagnosis:
    return Diagnosis(
        name,
        Origin.EMBEDDED,
        False,
        setting,
        why_not="the stack is not running",
        remedy="start it with `atomctl up`",
        fallback=fallback,
    )


def _programs(home: Path, embedded: Settings | None, *, own_dagster: bool) -> list[tuple[str, str, Callable[[], str]]]:
    """Name, address and check of Atom's own processes."""
    url = embedded.url if embedded and embedded.url else ""
    found: list[tuple[str, str, Callable[[], str]]] = [("registry", url, lambda: checks.registry(url))]
    if own_dagster:
        code, socket = Ports(home).known("code-location") or 0, pool_socket(home)
        web = embedded.dagster_url if embedded and embedded.dagster_url else ""
        found += [
            ("code-location", f"127.0.0.1:{code}", lambda: checks.code_location(code)),
            ("run-workers", str(socket), lambda: checks.run_workers(socket)),
            ("daemon", "", lambda: checks.daemon(web)),
        ]
    return found


def _program(name: str, where: str, check: Callable[[], str], running: bool) -> Diagnosis:
    if not running:
        return _not_running(name, "", "")
    try:
        return Diagnosis(name, Origin.EMBEDDED, True, "", where, check())
    except Exception as error:  # whatever keeps it from answering is what the reader wants to know
        why = str(error) or type(error).__name__
        return Diagnosis(name, Origin.EMBEDDED, False, "", where, "", why, f"read logs/{name}.log in the home folder")


def _settings_of(home: Path) -> Settings | None:
    saved = saved_environment(home)
    return Settings.model_validate(saved) if saved else None
