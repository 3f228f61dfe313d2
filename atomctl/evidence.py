"""Proof of what ran: fetched from the registry, checked without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from atomctl import files
from atomctl.runs import RunId
from atomctl.session import Local, Session, command

_MAX_KEY = 64 << 10  # bytes
_MAX_EVIDENCE = 32 << 20


def install(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Proof of what ran, fetched and checked offline.")
    command(group, "get")(get)
    command(group, "verify")(verify)
    app.add_typer(group, name="evidence", rich_help_panel="Auditor")


def get(
    cli: Session,
    run: RunId,
    target: Annotated[Path | None, typer.Option("--output", "-o", help="Default: evidence-RUN.json.")] = None,
) -> None:
    """Everything an auditor needs about a run, in one file.

    With --json it is printed instead, unless -o names a file.

    Example: atomctl evidence get 01939f2e-7f3c-7c1a-b7a0-6a9d3c1f2b11 -o evidence.json
    """
    answer = cli.registry.get(f"/runs/{run}/evidence")
    if cli.out.as_json and target is None:
        cli.out.result(answer, lambda: None)
        return
    path = target or Path(f"evidence-{run}.json")
    files.write(path, json.dumps(answer, indent=1, ensure_ascii=False).encode(), replace=True)
    cli.out.result(
        {"file": str(path), "records": len(answer["records"])},
        lambda: cli.out.facts(
            {"file": path, "records": len(answer["records"]), "next": f"atomctl evidence verify {path}"}
        ),
    )


def verify(
    cli: Local,
    file: Annotated[Path, typer.Argument(help="A file from `atomctl evidence get`.", show_default=False)],
    key: Annotated[
        Path | None, typer.Option("--key", help="The signer's public key, as you got it from elsewhere.")
    ] = None,
) -> None:
    """Check an evidence file, with nothing but the file (and, better, the signer's public key).

    Example: atomctl evidence verify evidence.json --key alice.pub
    """
    from atom.evidence.offline import verify_file

    pem = files.read(key, _MAX_KEY).decode("utf-8", errors="replace") if key else None
    proof = verify_file(files.read(file, _MAX_EVIDENCE), public_key=pem)

    def draw() -> None:
        for sentence in proof.proved:
            cli.out.say(f"✓ {sentence}")
        for sentence in proof.not_proved:
            cli.out.say(f"? not proved: {sentence}")

    cli.out.result({"proved": proof.proved, "not_proved": proof.not_proved}, draw)
