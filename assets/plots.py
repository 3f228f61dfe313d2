"""Plots for Dagster's metadata: small PNGs inside Markdown."""

from __future__ import annotations

import base64
import io
from collections import Counter, defaultdict
from collections.abc import Sequence

from atom.dataset.runs import RunFacts


def outcome_bars(runs: Sequence[RunFacts]) -> str:
    """Runs a workflow, stacked by outcome; a Markdown image of some 15 KB, or a sentence where there is nothing to draw."""
    if not runs:
        return "No runs yet."
    from matplotlib.figure import Figure  # 0.4 s that only a materialization should pay

    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for run in runs:
        counts[run.outcome or run.status][run.workflow] += 1
    workflows = sorted({run.workflow for run in runs})
    figure = Figure(figsize=(7, 0.6 + 0.5 * len(workflows)), layout="constrained")
    axes = figure.add_subplot()
    left = [0] * len(workflows)
    for outcome in sorted(counts):
        width = [counts[outcome][workflow] for workflow in workflows]
        axes.barh(workflows, width, left=left, label=outcome)
        left = [done + more for done, more in zip(left, width, strict=True)]
    axes.set_xlabel("runs")
    axes.legend(fontsize="small")
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=80)
    return f"![runs by outcome](data:image/png;base64,{base64.b64encode(image.getvalue()).decode()})"
