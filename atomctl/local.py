"""The stack of one machine: started, explained, used from other shells."""

from __future__ import annotations

import getpass
import shlex
from pathlib import Path
from typing import Annotated

import typer

from atomctl.errors import OwnerDsnMissing
from atomctl.output import FAILED, Output
from atomctl.session import ROLES, Local, command, handled, mint

_PANEL = "This machine"
_Home = Annotated[
    Path | None, typer.Option("--home", envvar="ATOM_HOME", help="Folder of the stack's whole state; default .atom.")
]


def install(app: typer.Typer) -> None:
    command(app, "demo", rich_help_panel=_PANEL)(demo)
    app.command("up", rich_help_panel=_PANEL)(up)
    command(app, "doctor", rich_help_panel=_PANEL)(doctor)
    command(app, "env", rich_help_panel=_PANEL)(env)
    command(app, "token", rich_help_panel=_PANEL)(token)
    command(app, "migrate", rich_help_panel=_PANEL)(migrate)


def demo(
    cli: Local,
    home: _Home = None,
    runs: Annotated[int, typer.Option("--runs", min=30, max=1000, help="How many runs of varied outcome.")] = 40,
    keep: Annotated[bool, typer.Option("--keep", help="Leave a stack that it started running until Ctrl-C.")] = False,
) -> None:
    """Watch the whole story on this machine: signed, approved, run, rolled back, proved, restored, learnt from.

    Every request is a real one on the running stack, which is started and stopped if nobody runs it. Exits with 1 if
    anything is not as told, and names it.

    Example: atomctl demo --runs 40
    """
    from atomctl.demo.telling import demo as tell

    if not tell(cli.out, home or cli.settings.home, cli.settings, runs=runs, keep=keep):
        raise typer.Exit(FAILED)


def up(
    home: _Home = None,
    ready_file: Annotated[
        Path | None, typer.Option("--ready-file", help="Gets the URLs once everything is ready; for scripts.")
    ] = None,
) -> None:
    """Start the whole stack on this machine, until Ctrl-C.

    What a setting names (POSTGRES_DSN, VAULT_ADDR, …) is used; everything else is started here, in one folder.

    Example: atomctl up --home ~/.atom
    """
    from atom.settings import Settings
    from atomctl.up import up as start

    with handled(Output()):
        settings = Settings.from_environment()
        start(home or settings.home, settings, ready_file=ready_file)


def doctor(cli: Local, home: _Home = None) -> None:
    """Each component of the stack: where it comes from, its version, whether it answers, and what to do if not.

    Exits with 1 if anything is not healthy.

    Example: atomctl doctor --json
    """
    from atomctl.doctor import doctor as examine

    if not examine(home or cli.settings.home, cli.settings, as_json=cli.out.as_json):
        raise typer.Exit(FAILED)


def env(cli: Local, home: _Home = None) -> None:
    """Variables with which another shell, or another program, uses the running stack.

    They hold passwords in plain: they are for your own shell, not for a log.

    Example: eval "$(atomctl env)"
    """
    from atom.local.environment import saved_environment
    from atom.local.errors import StackNotRunning
    from atom.local.stack import is_running

    home = home or cli.settings.home
    if not is_running(home):
        raise StackNotRunning(home)
    values = saved_environment(home)

    def draw() -> None:
        for name, value in sorted(values.items()):
            typer.echo(f"export {name}={shlex.quote(value)}")

    cli.out.result(values, draw)


def token(
    cli: Local,
    home: _Home = None,
    subject: Annotated[str | None, typer.Option("--as", metavar="NAME", help="Whose; default: you.")] = None,
    roles: Annotated[list[str] | None, typer.Option("--role", help="Repeatable; default: every role.")] = None,
    ttl: Annotated[int, typer.Option("--ttl", min=1, max=86400, help="Seconds until it ends.")] = 3600,
) -> None:
    """A bearer token of the local issuer, for curl and other clients.

    Example: curl -H "Authorization: Bearer $(atomctl token --as bob --role operator)" "$ATOM_URL/runs"
    """
    for role in roles or ():
        if role not in ROLES:
            raise typer.BadParameter(f"{role!r} is none of {', '.join(ROLES)}", param_hint="--role")
    minted = mint(home or cli.settings.home, subject or getpass.getuser(), tuple(roles or ROLES), ttl=ttl)
    cli.out.result({"token": minted, "expires_in": ttl}, lambda: typer.echo(minted))


def migrate(cli: Local) -> None:
    """Bring the database of POSTGRES_OWNER_DSN to the newest schema.

    Example: POSTGRES_OWNER_DSN=postgresql://atom_owner@db/atom atomctl migrate
    """
    import migrations

    dsn = cli.settings.postgres_owner_dsn
    if dsn is None:
        raise OwnerDsnMissing
    with cli.out.busy("migrating"):
        applied = migrations.apply(dsn.get_secret_value())
    done = f"applied {', '.join(applied)}" if applied else "up to date"
    cli.out.result({"applied": applied}, lambda: cli.out.say(done))
