"""What a page asks its reader to do: commands and programs, in order, each with the output that the page shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",  # first: the other pages go on where its tour ends
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "infra").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
]
# A comment before a block (or instead of one) that says what becomes of it:
_NOT_RUN = re.compile(r"<!-- not run: (?P<reason>.+?) -->")
_BY_HAND = re.compile(r"<!-- by hand: launch (?P<job>\w+) -->")  # a reader presses a button of Dagster's UI
_EXIT_CODE = re.compile(r"\s+# exit code (\d+)$")


@dataclass(frozen=True)
class Command:
    """One thing to type. `shows` are lines of its output, in order; `…` stands for anything."""

    text: str
    shows: tuple[str, ...] = ()
    exit_code: int = 0


@dataclass(frozen=True)
class Launch:
    """A job that a reader launches in Dagster's UI."""

    job: str


@dataclass(frozen=True)
class NotRun:
    """A block that no test runs, and why."""

    text: str
    reason: str


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def actions(page: Path) -> list[Command | Launch | NotRun]:
    """Everything that `page` asks for, in order."""
    found: list[Command | Launch | NotRun] = []
    reason = None
    for language, text in _parts(page.read_text()):
        if language is None:
            if launch := _BY_HAND.search(text):
                found.append(Launch(launch["job"]))
            last = text.strip().splitlines()[-1] if text.strip() else ""
            told = _NOT_RUN.fullmatch(last)
            reason = told["reason"] if told else None
        elif language in ("sh", "console", "python") and reason:
            found.append(NotRun(text, reason))
        elif language == "console":
            found += _transcript(text)
        elif language == "sh":
            found.append(Command(text))
        elif language == "python":
            found.append(Command(f"python - <<'END OF PROGRAM'\n{text}END OF PROGRAM"))
    return found


def _parts(text: str) -> Iterator[tuple[str | None, str]]:
    """(language, block) for fenced blocks, (None, text) for what is between them."""
    between: list[str] = []
    lines = iter(text.splitlines(keepends=True))
    for line in lines:
        if not line.startswith("```"):
            between.append(line)
            continue
        yield None, "".join(between)
        between = []
        block: list[str] = []
        for inner in lines:
            if inner.startswith("```"):
                break
            block.append(inner)
        yield line.strip("`\n "), "".join(block)
    yield None, "".join(between)


def _transcript(text: str) -> Iterator[Command]:
    """`$ command`, `> more of it`, and the output below."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        typed = [lines.pop(0)]
        while lines and lines[0].startswith("> "):
            typed.append(lines.pop(0)[2:])
        code = _EXIT_CODE.search(typed[0])
        typed[0] = _EXIT_CODE.sub("", typed[0])
        yield Command("\n".join(typed), tuple(line for line in lines if line.strip()), int(code[1]) if code else 0)
