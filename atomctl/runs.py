"""Runs: asked for, decided on, watched."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from atomctl.client import segment
from atomctl.output import FAILED, Columns, Output, when
from atomctl.packages import Limit, Reference, draw_package
from atomctl.session import Session, command
from atomctl.watching import draw_step, is_finished, watch_run

RunId = Annotated[uuid.UUID, typer.Argument(metavar="RUN", help="The run's id.", show_default=False)]
Reason = Annotated[str | None, typer.Option("--reason", help="Why; it goes into the record.")]
_PANEL = "Operator"


def install(app: typer.Typer) -> None:
    command(app, "run", rich_help_panel=_PANEL)(request_run)
    command(app, "runs", rich_help_panel=_PANEL)(list_runs)
    command(app, "show", rich_help_panel=_PANEL)(show)
    command(app, "watch", rich_help_panel=_PANEL)(watch)
    command(app, "approve", rich_help_panel=_PANEL)(approve)
    command(app, "reject", rich_help_panel=_PANEL)(reject)
    command(app, "cancel", rich_help_panel=_PANEL)(cancel)


def request_run(
    cli: Session,
    reference: Reference,
    parameters: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", metavar="NAME=VALUE", help="A parameter (repeatable)."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Watch it to its end.")] = False,
    key: Annotated[
        str | None, typer.Option("--idempotency-key", help="The same key gives the same run; default: a new one.")
    ] = None,
) -> None:
    """Ask for a run of a package.

    A value is read as JSON where it is JSON (3, true, ["a"]), else as text; quote it twice to force text: -p v='"3"'.
    Unless the gate lets the package start by itself, somebody else has to approve. With --wait the exit code is 0 only
    if the run succeeds.

    Example: atomctl run restart-unhealthy -p namespace=shop -p deployment=cart --wait
    """
    body = {"parameters": parse_parameters(parameters or [])}
    run = cli.registry.post(f"/workflows/{segment(reference)}/runs", body, key=key or str(uuid.uuid4()))
    if wait:
        if run["status"] == "pending_approval":
            cli.out.note(f"Waiting for a second person: atomctl approve {run['id']} --as SOMEBODY-ELSE")
        _follow(cli, uuid.UUID(run["id"]))
        return
    cli.out.result(run, lambda: draw_run(cli.out, run))


def list_runs(
    cli: Session,
    limit: Limit = 50,
    status: Annotated[str | None, typer.Option("--status", help="Only runs in this state.")] = None,
    workflow: Annotated[str | None, typer.Option("--workflow", help="Only runs of packages of this name.")] = None,
) -> None:
    """Runs, newest first.

    Example: atomctl runs --status pending_approval
    """
    answer = cli.registry.get("/runs", limit=limit, status=status, workflow=workflow)
    columns: Columns = {
        "id": "id",
        "package": lambda row: f"{row['workflow']}@{row['version']}",
        "parameters": lambda row: _parameters(row["parameters"]),
        "status": "status",
        "outcome": "outcome",
        "by": "requested_by",
        "requested": lambda row: when(row["requested_at"]),
    }
    cli.out.result(answer, lambda: cli.out.table(answer["items"], columns, none="No such runs."))


def show(
    cli: Session,
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help="A run's id, or a package's (or name@version).", show_default=False)
    ],
) -> None:
    """One run with its steps and decisions, or one package.

    Examples: atomctl show restart-unhealthy · atomctl show 01939f2e-7f3c-7c1a-b7a0-6a9d3c1f2b11
    """
    run = _run_called(cli, what)
    if run is not None:
        cli.out.result(run, lambda: draw_run(cli.out, run))
        return
    package = cli.registry.get(f"/workflows/{segment(what)}")
    cli.out.result(package, lambda: draw_package(cli.out, package))


def watch(cli: Session, run: RunId) -> None:
    """Follow a run, step by step, to its end.

    The exit code is 0 only if the run succeeds. Ctrl-C ends the watching, not the run.

    Example: atomctl watch 01939f2e-7f3c-7c1a-b7a0-6a9d3c1f2b11
    """
    _follow(cli, run)


def approve(cli: Session, run: RunId, reason: Reason = None) -> None:
    """Say yes to somebody else's request.

    The approval is bound to the package, the parameters and the verdict as they are now; it is shown what they are.

    Example: atomctl approve 01939f2e-7f3c-7c1a-b7a0-6a9d3c1f2b11 --reason "as discussed" --as carol
    """
    seen = cli.registry.get(f"/runs/{run}")
    body = {"reason": reason, "verdict_digest": seen["verdict_digest"]}
    answer = cli.registry.post(f"/runs/{run}/approve", body)
    cli.out.result(answer, lambda: draw_run(cli.out, answer))


def reject(cli: Session, run: RunId, reason: Reason = None) -> None:
    """Say no to a request.

    Example: atomctl reject 01939f2e-7f3c-7c1a-b7a0-6a9d3c1f2b11 --reason "not during the sale" --as carol
    """
    answer = cli.registry.post(f"/runs/{run}/reject", {"reason": reason})
    cli.out.result(answer, lambda: draw_run(cli.out, answer))


def cancel(cli: Session, run: RunId) -> None:
    """End a waiting run, or stop a running one at its next safe point.

    Example: atomctl cancel 01939f2e-7f3c-7c1a-b7a0-6a9d3c1f2b11
    """
    answer = cli.registry.post(f"/runs/{run}/cancel")
    cli.out.result(answer, lambda: draw_run(cli.out, answer))


def parse_parameters(given: list[str]) -> dict[str, Any]:
    """`["n=3", "who=alice"]` as `{"n": 3, "who": "alice"}`. A name given twice, or none, is wrong usage."""
    parsed: dict[str, Any] = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{one!r} is not of the form name=value", param_hint="-p")
        if name in parsed:
            raise typer.BadParameter(f"{name!r} is given twice", param_hint="-p")
        try:
            parsed[name] = json.loads(text, parse_constant=str)  # NaN and Infinity are no JSON: they stay text
        except (ValueError, RecursionError):
            parsed[name] = text
    return parsed


def draw_run(out: Output, run: Mapping[str, Any]) -> None:
    """One run: facts, then steps and decisions where they were fetched."""
    error = run["error"] or {}
    out.facts(
        {
            "run": run["id"],
            "status": run["status"],
            "outcome": run["outcome"],
            "package": f"{run['workflow']}@{run['version']}",
            "parameters": _parameters(run["parameters"]),
            "requested": f"{run['requested_by']}, {when(run['requested_at'])}",
            "approved": f"{run['approved_by']}, {when(run['approved_at'])}" if run["approved_by"] else None,
            "started": when(run["started_at"]) if run["started_at"] else None,
            "finished": when(run["finished_at"]) if run["finished_at"] else None,
            "cluster": run["cluster"],
            "error": "; ".join(str(error[key]) for key in ("title", "found", "remedy") if error.get(key)) or None,
            "evidence": run["immutable_log_path"],
        }
    )
    for step in run.get("steps", ()):
        draw_step(out, step)
    for decision in run.get("decisions", ()):
        reason = f": {decision['reason']}" if decision["reason"] else ""
        out.say(f"{decision['decision']} by {decision['decided_by']}, {when(decision['decided_at'])}{reason}")


def _follow(cli: Session, run_id: uuid.UUID) -> None:
    run = watch_run(cli.registry, cli.out, run_id)
    cli.out.result(run, lambda: cli.out.say(f"{run['status']}  ({run['outcome']})"))
    if run["status"] != "succeeded" or not is_finished(run):
        raise typer.Exit(FAILED)


def _run_called(cli: Session, text: str) -> dict[str, Any] | None:
    """The run whose id `text` is, if it is one's."""
    from atom.errors import NotFound
    from atomctl.errors import RegistryRefused

    try:
        run: dict[str, Any] = cli.registry.get(f"/runs/{uuid.UUID(text)}")
    except ValueError:
        return None
    except RegistryRefused as error:
        if error.kind is NotFound:
            return None
        raise
    return run


def _parameters(parameters: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(parameters.items()))
