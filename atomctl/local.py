"""The stack of one machine: started, explained, used from other shells."""

from __future__ import annotations

import getpass
import shlex
from typing import Annotated

import typer

from atomctl.errors import OwnerDsnMissing
from atomctl.session import ROLES, Local, command, mint

_PANEL = "This machine"


def install(app: typer.Typer) -> None:
    command(app, "env", rich_help_panel=_PANEL)(env)
    command(app, "token", rich_help_panel=_PANEL)(token)
    command(app, "migrate", rich_help_panel=_PANEL)(migrate)


def env(cli: Local) -> None:
    """Variables with which another shell, or another program, uses the running stack.

    They hold passwords in plain: they are for your own shell, not for a log.

    Example: eval "$(atomctl env)"
    """
    from atom.local.environment import saved_environment
    from atom.local.errors import StackNotRunning
    from atom.local.stack import is_running

    home = cli.settings.home
    if not is_running(home):
        raise StackNotRunning(home)
    values = saved_environment(home)

    def draw() -> None:
        for name, value in sorted(values.items()):
            typer.echo(f"export {name}={shlex.quote(value)}")

    cli.out.result(values, draw)


def token(
    cli: Local,
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
    minted = mint(cli.settings.home, subject or getpass.getuser(), tuple(roles or ROLES), ttl=ttl)
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
