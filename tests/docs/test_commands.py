"""Every command and program on a page does what the page says, on a real running stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.conftest import Workshop
from tests.docs.pages import PAGES, ROOT, Command, Launch, NotRun, actions, name_of
from tests.docs.reader import Reader

README = ROOT / "README.md"
# Blocks that no test runs. Few, each for a reason; the pages mark the same blocks with the same reason.
EXEMPT = {
    ("README.md", "make demo"): "CI runs it",
    ("README.md", "make test"): "this is it",
    ("README.md", "make up"): "the stack of this test",
}


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_the_tour_of_the_readme_goes_as_told(workshop: Workshop) -> None:
    if workshop.failure is not None:
        raise workshop.failure


@pytest.mark.e2e
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "page", [p for p in PAGES if p != README and any(not isinstance(a, NotRun) for a in actions(p))], ids=name_of
)
def test_every_command_of_a_page_does_what_the_page_says(page: Path, workshop: Workshop) -> None:
    reader = Reader(workshop.folder, workshop.home)
    try:
        reader.does(Command(". ./variables"))
        for action in actions(page):
            if isinstance(action, Command | Launch):
                reader.does(action)
    finally:
        reader.close()


def test_what_is_not_run_is_listed_here_with_its_reason() -> None:
    marked = {
        (name_of(page), action.text.strip()): action.reason
        for page in PAGES
        for action in actions(page)
        if isinstance(action, NotRun)
    }
    for (page, command), reason in marked.items():
        print(f"not run: {page}: {command!r}: {reason}")
    assert marked == EXEMPT
