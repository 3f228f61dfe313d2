"""`atomctl`: everything meets here and nowhere else."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from atomctl import evidence, keys, learning, local, packages, runs, signing

_HELP = """Signed runbooks go in; governed runs, evidence and training data come out.

An author packs, signs and pushes a package; an operator asks for a run; somebody else approves it; an auditor proves
what ran. `atomctl demo` tells the whole story on this machine, `atomctl up` starts the stack, `atomctl doctor` explains it.

Exit codes: 0 done · 1 refused or failed · 2 wrong usage or configuration · 3 a server does not answer · 4 not signed in
or not allowed · 5 no such thing · 130 interrupted."""

app = typer.Typer(
    name="atomctl",
    help=_HELP,
    no_args_is_help=True,
    rich_markup_mode="markdown",  # flows paragraphs
    pretty_exceptions_enable=False,  # its locals would print tokens and passwords
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"atomctl {version('atom-wpk')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


for part in (signing, packages, runs, evidence, learning, keys, local):
    part.install(app)
