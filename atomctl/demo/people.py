"""Who acts in the story, each with a token of their own and only the roles they need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from atomctl.client import Registry
from atomctl.session import mint

_ROLES = {
    "alice": ("publisher",),
    "bob": ("operator", "approver"),
    "carol": ("approver",),
    "dora": ("tenant-admin",),
    "erin": ("auditor",),
    "frank": ("viewer",),
}


@dataclass(frozen=True)
class People:
    """alice writes playbooks, bob operates, carol approves, dora administers, erin audits, frank trains models."""

    alice: Registry
    bob: Registry
    carol: Registry
    dora: Registry
    erin: Registry
    frank: Registry


@contextmanager
def people(home: Path, url: str) -> Iterator[People]:
    """Everybody signed in at the registry at `url` by the issuer of `home`."""
    with ExitStack() as open_ones:
        tokens = {name: mint(home, name, roles) for name, roles in _ROLES.items()}
        yield People(**{name: open_ones.enter_context(Registry(url, token)) for name, token in tokens.items()})
