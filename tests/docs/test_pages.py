"""The pages hold together: links lead somewhere, files that are named exist, no page is out of reach, none is stale."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.generate.pages import DOCS, generated
from tests.docs.pages import PAGES, ROOT, name_of

_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_TOP = {path.name for path in ROOT.iterdir()}


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")).strip().replace(" ", "-")


def links(page: Path) -> list[str]:
    return [found["target"] for found in _LINK.finditer(_FENCED.sub("", page.read_text()))]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{target} of {name_of(page)}"
        if fragment:
            assert fragment in {anchor(h) for h in _HEADING.findall(_FENCED.sub("", there.read_text()))}, (
                f"{target} of {name_of(page)}"
            )


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_that_is_named_exists(page: Path) -> None:
    for text in _CODE.findall(_FENCED.sub("", page.read_text())):
        if text.split("/")[0] in _TOP and re.fullmatch(r"[\w./-]+(/|\.\w+)", text):
            assert (ROOT / text).exists(), f"{text} of {name_of(page)}"


def test_no_page_is_out_of_reach() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        paths = (target.partition("#")[0] for target in links(page) if not re.match(r"[a-z]+:", target))
        waiting += [
            there
            for path in paths
            if path and (there := (page.parent / path).resolve()).suffix == ".md" and there.exists()
        ]
    assert not [name_of(page) for page in PAGES if page not in reached]


@pytest.mark.parametrize(("path", "text"), generated().items(), ids=generated())
def test_no_generated_page_is_stale(path: str, text: str) -> None:
    assert (DOCS / path).read_text() == text, "run `make docs`"
