from __future__ import annotations

from pathlib import Path

import pytest

from atom.local.ports import Ports


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home of its own, for tests that kill."""
    return tmp_path


@pytest.fixture
def ports(home: Path) -> Ports:
    return Ports(home)
