"""The skips that are allowed, each with what would run it. Any other skipped test fails the run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

# (part of the test's id, part of its reason)
ALLOWED = (
    # Public data beside the project, not copied into it: CONFORMANCE_DATA=<folder> runs these; CI sets it.
    ("tests/conformance/", "CONFORMANCE_DATA"),
    # The oracle is sigstore's own verifier, which does not judge keys, in-toto entries or closed TSA windows.
    ("tests/conformance/", "beyond sigstore-python"),
)
_surprises: list[str] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = str(call.excinfo.value) if call.excinfo else ""
        if not any(where in item.nodeid and why in reason for where, why in ALLOWED):
            _surprises.append(f"{item.nodeid}: {reason}")
    return report


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if _surprises and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for surprise in _surprises:
        terminalreporter.write_line(f"SKIPPED, and not on the list in tests/skips.py: {surprise}", red=True)
