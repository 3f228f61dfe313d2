"""Packages: frozen, pushed, looked at, judged, revoked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atomctl import files
from atomctl.client import segment
from atomctl.output import FAILED, Columns, Output, short, when
from atomctl.session import Local, Session, command
from atomctl.signing import MAX_PACKAGE, Bundle, PackageFile, Signature, material_of

if TYPE_CHECKING:
    from atom.gate.verdict import Verdict

Limit = Annotated[int, typer.Option("--limit", min=1, max=200, help="How many at most.")]
Reference = Annotated[str, typer.Argument(help="Id, name, or name@version.", show_default=False)]
_AUTHOR, _OPERATOR = "Author", "Operator"


def install(app: typer.Typer) -> None:
    command(app, "pack", rich_help_panel=_AUTHOR)(pack)
    command(app, "push", rich_help_panel=_AUTHOR)(push)
    command(app, "dry-run", rich_help_panel=_AUTHOR)(dry_run)
    command(app, "list", rich_help_panel=_OPERATOR)(list_packages)
    command(app, "revoke", rich_help_panel="Admin")(revoke)


def pack(
    cli: Local,
    playbook: Annotated[Path, typer.Argument(metavar="PLAYBOOK", help="The playbook.", show_default=False)],
    folder: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the package goes.")] = Path(),
) -> None:
    """Check a playbook and freeze it as NAME-VERSION.wpk.yaml, ready to be signed.

    Packing changes no byte, so every machine gets the same digest. A version never changes: packing other bytes under a
    name and version that lie there already is refused.

    Example: atomctl pack examples/playbooks/restart-unhealthy.wpk.yaml -o dist
    """
    from atom.package import load_package
    from atom.package import pack as pack_bytes

    data = pack_bytes(playbook)
    package = load_package(data)
    verdict = _judge(data)
    target = folder / f"{package.name}-{package.version}.wpk.yaml"
    files.write(target, data)
    body = {"file": str(target), "name": package.name, "version": package.version, "digest": package.digest}
    gate = f"{verdict.risk.value}, score {verdict.score}, {verdict.mode.value}"
    cli.out.result(
        body | {"size": len(data), "risk": verdict.risk.value, "score": verdict.score, "mode": verdict.mode.value},
        lambda: cli.out.facts(body | {"size": f"{len(data)} bytes", "gate": gate}),
    )


def push(cli: Session, package: PackageFile, bundle: Bundle = None, signature: Signature = None) -> None:
    """Upload a signed package.

    The registry keeps it only if a key that your tenant trusts signed exactly these bytes; anything else goes into
    quarantine, and the answer says why.

    Example: atomctl push restart-unhealthy-1.0.0.wpk.yaml
    """
    data = files.read(package, MAX_PACKAGE)
    answer = upload(cli, package.name, data, material_of(package, bundle, signature))
    verdict = answer["verdict"]
    facts = {
        "package": f"{answer['name']}@{answer['version']}",
        "id": answer["id"],
        "digest": answer["digest"],
        "signer": answer["signer"],
        "gate": f"{verdict['risk']}, score {verdict['score']}, {verdict['mode']}",
    }
    cli.out.result(answer, lambda: cli.out.facts(facts))


def upload(cli: Session, name: str, data: bytes, material: tuple[Path, bytes] | None) -> dict[str, Any]:
    """POST /workflows. `material` is the signature's file name and content."""
    parts = {"file": (name, data)}
    if material is not None:
        path, content = material
        parts["signature" if path.suffix == ".sig" else "bundle"] = (path.name, content)
    answer: dict[str, Any] = cli.registry.upload("/workflows", parts)
    return answer


def dry_run(
    cli: Session,
    reference: Annotated[
        str,
        typer.Argument(
            metavar="PACKAGE", help="A file, or a pushed package's id, name or name@version.", show_default=False
        ),
    ],
) -> None:
    """What the gate says about a package: score, class, findings. Nothing is run.

    A file is judged on this machine, without a registry. Exits with 1 if the package is unsafe, so a pipeline can stop.

    Examples: atomctl dry-run restart-unhealthy · atomctl dry-run examples/playbooks/restart-unhealthy.wpk.yaml
    """
    if Path(reference).is_file():
        verdict = _judge(files.read(Path(reference), MAX_PACKAGE)).as_dict()
    else:
        verdict = cli.registry.post(f"/workflows/{segment(reference)}/dry-run", repeatable=True)
    cli.out.result(verdict, lambda: draw_verdict(cli.out, verdict))
    if verdict["risk"] == "unsafe":
        raise typer.Exit(FAILED)


def list_packages(cli: Session, limit: Limit = 50) -> None:
    """Packages in the registry, newest first.

    Example: atomctl list --json
    """
    answer = cli.registry.get("/workflows", limit=limit)
    columns: Columns = {
        "name": "name",
        "version": "version",
        "digest": lambda row: short(row["digest"]),
        "signer": "signer",
        "received": lambda row: when(row["received_at"]),
        "revoked": lambda row: when(row["revoked_at"]) if row["revoked_at"] else "",
        "id": "id",
    }
    cli.out.result(
        answer, lambda: cli.out.table(answer["items"], columns, none="No packages yet: see `atomctl push --help`.")
    )


def revoke(cli: Session, reference: Reference) -> None:
    """End a version of a package: it does not run any more.

    Example: atomctl revoke restart-unhealthy@1.0.0
    """
    answer = cli.registry.post(f"/workflows/{segment(reference)}/revoke", repeatable=True)
    cli.out.result(answer, lambda: draw_package(cli.out, answer))


def draw_package(out: Output, package: Mapping[str, Any]) -> None:
    """One package, one fact a line."""
    out.facts(
        {
            "package": f"{package['name']}@{package['version']}",
            "title": package["title"] or None,
            "id": package["id"],
            "digest": package["digest"],
            "signer": f"{package['signer']} ({package['sig_kind']})",
            "published by": package["published_by"],
            "received": when(package["received_at"]),
            "revoked": when(package["revoked_at"]) if package["revoked_at"] else None,
        }
    )


def draw_verdict(out: Output, verdict: Mapping[str, Any]) -> None:
    """Score, class and mode, then the findings."""
    out.facts({"class": verdict["risk"], "score": f"{verdict['score']} of 100", "mode": verdict["mode"]})
    columns: Columns = {"rule": "rule", "severity": "severity", "line": "line", "what": "message", "remedy": "remedy"}
    out.table(verdict["findings"], columns, none="No findings.")


def _judge(data: bytes) -> Verdict:
    """The present rules' verdict on `data`, made here."""
    from atom.gate import judge
    from atom.package import load_package
    from atom.runtime.actions import known_actions

    return judge(load_package(data), known_actions())
