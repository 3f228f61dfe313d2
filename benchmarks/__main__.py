"""`python -m benchmarks [NAME …] [--json FILE] [--quick]`: measures, and prints one table of ratios."""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from benchmarks import memory, runs, startup, table, upload
from benchmarks.machine import busy, machine
from benchmarks.stack import up
from benchmarks.table import Figure

_NAMES = ("startup", "upload", "runs")
_SETTLE = 5.0  # seconds from ready until it is called idle


def main() -> None:
    options = _options()
    console = Console(width=None if Console().is_terminal else 160, highlight=False)
    logging.getLogger("dagster").setLevel(logging.WARNING)
    about, warning = machine(), busy()
    console.print(about)
    if warning:
        console.print(f"warning: {warning}")
    with tempfile.TemporaryDirectory(prefix="atom-bench-") as folder:
        figures = _measure(Path(folder), options.names or _NAMES, quick=options.quick)
    table.show(figures, console)
    if options.json:
        body = {"machine": about, "warning": warning, "quick": options.quick}
        options.json.write_text(json.dumps(body | {"figures": [asdict(f) | {"ratio": f.ratio} for f in figures]}))


def _measure(folder: Path, names: tuple[str, ...], *, quick: bool) -> list[Figure]:
    figures: list[Figure] = []
    if "startup" in names:
        figures += startup.measure(folder, quick=quick)
    if "upload" in names or "runs" in names:
        bare = startup.bare_code_server(folder / "bare")
        with up(folder / "home") as stack:
            time.sleep(_SETTLE)
            idle = memory.look(stack)
            if "upload" in names:
                figures += upload.measure(stack, quick=quick)
            if "runs" in names:
                figures += runs.measure(stack, idle, bare, quick=quick)
    return figures


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(_NAMES)}; default: all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--quick", action="store_true", help="few repetitions: to see that it works")
    options = parser.parse_args()
    if unknown := set(options.names) - set(_NAMES):  # argparse's own choices refuse an empty list
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    main()
