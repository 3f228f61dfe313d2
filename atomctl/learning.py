"""What was learnt from runs: similar runs, signals, datasets."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from atomctl import files
from atomctl.client import Registry, segment
from atomctl.errors import DownloadDamaged
from atomctl.output import Columns, Output, when
from atomctl.packages import Limit
from atomctl.session import Session, command

_PANEL = "Data scientist"


def install(app: typer.Typer) -> None:
    command(app, "search", rich_help_panel=_PANEL)(search)
    command(app, "signals", rich_help_panel=_PANEL)(signals)
    group = typer.Typer(no_args_is_help=True, help="Versioned, redacted training exports.")
    command(group, "list")(list_datasets)
    command(group, "pull")(pull)
    app.add_typer(group, name="datasets", rich_help_panel=_PANEL)


def search(
    cli: Session,
    text: Annotated[str, typer.Argument(help="What happened, in your own words.", show_default=False)],
    limit: Annotated[int, typer.Option("--limit", min=1, max=50, help="How many at most.")] = 5,
    outcome: Annotated[str | None, typer.Option("--outcome", help="Only runs that ended so.")] = None,
) -> None:
    """Past runs that read like a text.

    Example: atomctl search "a deployment whose pods keep crashing after a restart"
    """
    answer = cli.registry.get("/search/runs", text=text, limit=limit, outcome=outcome)
    columns: Columns = {
        "like": lambda row: f"{row['similarity']:.2f}",
        "run": "run_id",
        "package": "workflow",
        "outcome": "outcome",
        "text": lambda row: _first(row["text"]),
    }
    cli.out.result(answer, lambda: cli.out.table(answer["items"], columns, none="No runs are indexed yet."))


def signals(cli: Session, limit: Limit = 50) -> None:
    """Anomalies found in run history, newest first.

    Example: atomctl signals --limit 5
    """
    answer = cli.registry.get("/signals", limit=limit)
    columns: Columns = {
        "kind": "kind",
        "what": lambda row: " ".join(f"{name}={value}" for name, value in sorted(row["labels"].items())),
        "direction": "direction",
        "from": lambda row: f"{row['baseline']:.3g}",
        "to": lambda row: f"{row['value']:.3g}",
        "score": lambda row: f"{row['score']:.4f}",
        "until": lambda row: when(row["window_end"]),
    }
    cli.out.result(
        answer, lambda: cli.out.table(answer["items"], columns, none="No signals: nothing out of the ordinary.")
    )


def list_datasets(cli: Session, limit: Limit = 50) -> None:
    """Training exports, newest first.

    Example: atomctl datasets list
    """
    answer = cli.registry.get("/datasets", limit=limit)
    columns: Columns = {
        "version": "version",
        "rows": "row_count",
        "files": lambda row: len(row["manifest"]["files"]),
        "made": lambda row: when(row["created_at"]),
    }
    cli.out.result(answer, lambda: cli.out.table(answer["items"], columns, none="No datasets yet."))


def pull(
    cli: Session,
    version: Annotated[str, typer.Argument(help="A version from `atomctl datasets list`.", show_default=False)],
    folder: Annotated[Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Default: VERSION.")] = None,
) -> None:
    """Download a training export; every file is checked against its manifest.

    Example: atomctl datasets pull 2026-11-22-1 -o data
    """
    target = folder or Path(version)
    manifest = pull_dataset(cli.registry, cli.out, version, target)
    body = {"folder": str(target), "rows": manifest["rows"], "files": len(manifest["files"])}
    cli.out.result(body, lambda: cli.out.facts(body))


def pull_dataset(registry: Registry, out: Output, version: str, folder: Path) -> dict[str, Any]:
    """Writes every file of the version below `folder`; returns the manifest. Raises DownloadDamaged."""
    manifest: dict[str, Any] = registry.get(f"/datasets/{segment(version)}/manifest.json")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    hidden = out.as_json or not sys.stderr.isatty()
    with Progress(*columns, console=out.err, disable=hidden, transient=True) as progress:
        task = progress.add_task(version, total=sum(file["bytes"] for file in manifest["files"]))
        for file in manifest["files"]:
            data = bytearray()
            with registry.download(f"/datasets/{segment(version)}/{file['path']}") as pieces:
                for piece in pieces:
                    data += piece
                    progress.advance(task, len(piece))
            found = f"sha256:{hashlib.sha256(data).hexdigest()}"
            if found != file["sha256"]:
                raise DownloadDamaged(file["path"], file["sha256"], found)
            files.write(_inside(folder, file["path"]), bytes(data), replace=True)
    return manifest


def _inside(folder: Path, path: str) -> Path:
    """`path` below `folder`: a manifest must not choose where on this machine a file goes."""
    target = folder / path
    if not target.resolve().is_relative_to(folder.resolve()):
        raise DownloadDamaged(path, "a path inside the dataset", "one that leads out of it")
    return target


def _first(text: str, most: int = 90) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
