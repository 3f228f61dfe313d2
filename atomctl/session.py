"""The options that every command shares, and what a command is given for them.

A command is a function whose first parameter is `Local` or `Session`. `command` registers it with the shared options in
place of that parameter, and turns an AtomError into a printed problem and an exit code.
"""

from __future__ import annotations

import getpass
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import typer

from atom.errors import AtomError
from atom.settings import Settings
from atomctl.client import Registry
from atomctl.output import Output, exit_code

ROLES = ("viewer", "publisher", "operator", "approver", "auditor", "tenant-admin")
TENANT = "default"
_TTL = 3600  # seconds
Command = Callable[..., None]

_GROUP = "Registry and identity"
_Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
_Url = Annotated[
    str | None,
    typer.Option(
        "--url", envvar="ATOM_URL", help="The registry; by default the running local stack.", rich_help_panel=_GROUP
    ),
]
_Token = Annotated[
    str | None,
    typer.Option("--token", envvar="ATOM_TOKEN", help="Bearer token of your requests.", rich_help_panel=_GROUP),
]
_As = Annotated[
    str | None,
    typer.Option("--as", metavar="NAME", help="Local stack: act as this person.", rich_help_panel=_GROUP),
]
_Role = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        help="Local stack: with this role only (repeatable); by default with every role.",
        rich_help_panel=_GROUP,
        autocompletion=lambda: list(ROLES),
    ),
]


@dataclass(frozen=True)
class Local:
    """For commands that need no registry."""

    out: Output

    @cached_property
    def settings(self) -> Settings:
        return Settings.from_environment()


@dataclass(frozen=True)
class Session(Local):
    """For commands that talk to the registry, which is looked for when it is first needed."""

    url: str | None = None
    token: str | None = field(default=None, repr=False)
    subject: str | None = None
    roles: tuple[str, ...] = ()

    @cached_property
    def registry(self) -> Registry:
        """Raises StackNotRunning, IssuerMissing, NotARegistry."""
        home = self.settings.home
        local = local_url(home)
        url = self.url or local
        if url is None:
            from atom.local.errors import StackNotRunning

            raise StackNotRunning(home)
        asked = self.subject is not None or bool(self.roles)
        token = None if asked else self.token
        if token is None and (asked or url == local):
            token = mint(home, self.subject or getpass.getuser(), self.roles or ROLES)
        return Registry(url, token)


def local_url(home: Path) -> str | None:
    """Where the registry of the stack in `home` answers; None if the stack is not running."""
    from atom.local.environment import saved_environment
    from atom.local.stack import is_running

    return saved_environment(home).get("ATOM_URL") if is_running(home) else None


def mint(home: Path, subject: str, roles: tuple[str, ...], *, ttl: int = _TTL, tenant: str = TENANT) -> str:
    """A token by the local issuer of `home`. Raises IssuerMissing."""
    from atom.local.issuer import issue_token

    return issue_token(home, subject, roles, tenant, ttl)


def command(app: typer.Typer, name: str, **settings: Any) -> Callable[[Command], Command]:
    """Register a function, whose first parameter is a `Local` or a `Session`, as a command."""

    def register(function: Command) -> Command:
        wanted, *own = inspect.signature(function, eval_str=True).parameters.values()
        remote = wanted.annotation is Session
        shared = _shared(remote)

        def run(**values: Any) -> None:
            given = {parameter.name: values.pop(parameter.name) for parameter in shared}
            out = Output(as_json=given["json"])
            with handled(out):
                function(_session(out, given) if remote else Local(out), **values)

        run.__name__, run.__doc__, run.__module__ = function.__name__, function.__doc__, function.__module__
        parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*own, *shared)]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # inspect reads it from there
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        app.command(name, **settings)(run)
        return function

    return register


class handled:  # reads as a word: `with handled(out):`
    """Ends the program with a printed problem and its exit code where an AtomError would end it with a traceback."""

    def __init__(self, out: Output) -> None:
        self._out = out

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, AtomError):
            self._out.problem(error)
            raise typer.Exit(exit_code(error)) from None


def _shared(remote: bool) -> list[inspect.Parameter]:
    hints: dict[str, tuple[Any, object]] = {"json": (_Json, False)}
    if remote:
        hints |= {"url": (_Url, None), "token": (_Token, None), "subject": (_As, None), "roles": (_Role, None)}
    kind = inspect.Parameter.KEYWORD_ONLY
    return [inspect.Parameter(n, kind, default=default, annotation=hint) for n, (hint, default) in hints.items()]


def _session(out: Output, given: dict[str, Any]) -> Session:
    for role in given["roles"] or ():
        if role not in ROLES:
            raise typer.BadParameter(f"{role!r} is none of {', '.join(ROLES)}", param_hint="--role")
    return Session(out, given["url"] or None, given["token"] or None, given["subject"], tuple(given["roles"] or ()))
