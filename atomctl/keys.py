"""The keys that a tenant accepts signatures from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from atomctl import files
from atomctl.client import segment
from atomctl.output import Columns, Output, short, when
from atomctl.session import Session, command

_MAX_KEY = 16 << 10  # bytes
_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
Moment = datetime | None


def install(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Keys that your tenant accepts signatures from.")
    command(group, "list")(list_keys)
    command(group, "add")(add)
    command(group, "revoke")(revoke)
    app.add_typer(group, name="keys", rich_help_panel="Admin")


def list_keys(cli: Session) -> None:
    """Trusted keys, revoked ones included.

    Example: atomctl keys list
    """
    answer = cli.registry.get("/keys")
    columns: Columns = {
        "name": "name",
        "key": lambda row: short(row["key_id"]),
        "may sign": "package_pattern",
        "valid": lambda row: _window(row),
        "revoked": lambda row: when(row["revoked_at"]) if row["revoked_at"] else "",
        "added": lambda row: f"{row['added_by']}, {when(row['added_at'])}",
    }
    cli.out.result(
        answer, lambda: cli.out.table(answer["items"], columns, none="No keys yet: see `atomctl keys add --help`.")
    )


def add(
    cli: Session,
    public_key: Annotated[
        Path, typer.Argument(metavar="FILE", help="Public key (PEM), such as cosign.pub.", show_default=False)
    ],
    name: Annotated[
        str, typer.Option("--name", help="What to call its owner; shown as the signer.", show_default=False)
    ],
    packages: Annotated[
        str, typer.Option("--packages", help="Shell pattern over the names of packages it may sign.")
    ] = "*",
    not_before: Annotated[Moment, typer.Option(formats=_FORMATS, help="Signatures count from here (UTC).")] = None,
    not_after: Annotated[Moment, typer.Option(formats=_FORMATS, help="Signatures count until here (UTC).")] = None,
) -> None:
    """Trust a key.

    Example: atomctl keys add alice.pub --name alice --packages "restart-*"
    """
    body = {
        "name": name,
        "pem": files.read(public_key, _MAX_KEY).decode("utf-8", errors="replace"),
        "package_pattern": packages,
        "not_before": f"{not_before.isoformat()}Z" if not_before else None,
        "not_after": f"{not_after.isoformat()}Z" if not_after else None,
    }
    answer = cli.registry.post("/keys", body)
    cli.out.result(answer, lambda: _draw(cli.out, answer))


def revoke(cli: Session, name: Annotated[str, typer.Argument(help="The key's name.", show_default=False)]) -> None:
    """Revoke a key: nothing that it ever signed runs any more.

    Example: atomctl keys revoke alice
    """
    answer = cli.registry.delete(f"/keys/{segment(name)}")
    cli.out.result(answer, lambda: _draw(cli.out, answer))


def _draw(out: Output, key: Mapping[str, Any]) -> None:
    out.facts(
        {
            "name": key["name"],
            "key": key["key_id"],
            "may sign": key["package_pattern"],
            "valid": _window(key),
            "revoked": when(key["revoked_at"]) if key["revoked_at"] else None,
        }
    )


def _window(key: Mapping[str, Any]) -> str:
    before, after = key["not_before"], key["not_after"]
    if not before and not after:
        return "always"
    return " ".join(f"{word} {when(moment)}" for word, moment in (("from", before), ("to", after)) if moment)
