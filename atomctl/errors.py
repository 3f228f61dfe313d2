"""What can go wrong on the way from the command line to the registry."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atom.errors import (
    AtomError,
    Conflict,
    Forbidden,
    InvalidInput,
    Misconfigured,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

_KINDS: dict[int, type[AtomError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    408: Unavailable,
    409: Conflict,
    413: TooLarge,
    429: Unavailable,
}


class RegistryRefused(AtomError):
    """The registry refused."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        """`problem` is the problem+json body (RFC 9457); its code and title become this error's."""
        self.status = status
        self.problem = dict(problem)
        detail = str(problem.get("detail", "")) or f"status {status}"
        super().__init__(
            expected=str(problem.get("expected", "a request that the registry takes")),
            found=str(problem.get("found", detail)),
            remedy=str(problem.get("remedy", "see the registry's /docs, and its log for what happened")),
        )

    @property
    def kind(self) -> type[AtomError]:
        return _KINDS.get(self.status, Unavailable if self.status >= 500 else InvalidInput)

    @property
    def title(self) -> str:
        return str(self.problem.get("title") or "The registry refused")

    def as_dict(self) -> dict[str, str]:
        facts = super().as_dict() | {name: str(value) for name, value in self.problem.items()}
        return facts | {"status": str(self.status)}


class RegistryUnreachable(Unavailable):
    """The registry does not answer."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            expected=f"a registry at {url}",
            found=why,
            remedy="start it (`atomctl up`), or correct --url or ATOM_URL; `atomctl doctor` shows what is wrong",
        )


class NotARegistry(Unavailable):
    """Something answers, but it is no Atom registry."""

    def __init__(self, url: str, found: str) -> None:
        super().__init__(expected=f"an Atom registry at {url}", found=found, remedy="correct --url or ATOM_URL")


class DagsterFailed(Unavailable):
    """Dagster did not do what it was asked."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(expected=expected, found=found, remedy="look at the run in Dagster's UI")


class PasswordMissing(Misconfigured):
    """The key file needs a password and nobody gave one."""

    def __init__(self) -> None:
        super().__init__(
            expected="a password from --password-stdin, COSIGN_PASSWORD or a prompt",
            found="neither, and no terminal to ask on",
            remedy="set COSIGN_PASSWORD (it may be empty), or pipe the password in with --password-stdin",
        )


class KeyMissing(Misconfigured):
    """There is no key to sign with."""

    def __init__(self) -> None:
        super().__init__(
            expected="--key FILE, COSIGN_KEY, or COSIGN_KEY_REF with VAULT_ADDR",
            found="none of them",
            remedy="make a key pair with `atomctl keygen`, then sign with --key cosign.key",
        )


class OwnerDsnMissing(Misconfigured):
    """Nobody said which database to migrate."""

    def __init__(self) -> None:
        super().__init__(
            expected="POSTGRES_OWNER_DSN, the database as its owner",
            found="none",
            remedy="set it; the embedded stack needs no such call, `atomctl up` migrates its own database",
        )


class FileUnusable(InvalidInput):
    """The file cannot be read or written."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(
            expected=f"to read or write {path}",
            found=error.strerror or type(error).__name__,
            remedy="check the path and its permissions",
        )


class FileTooLarge(TooLarge):
    """The file is larger than anything of its kind."""

    def __init__(self, path: Path, limit: int) -> None:
        super().__init__(
            expected=f"at most {limit} bytes in {path}", found="more", remedy="check that it is the right file"
        )


class FileThere(Conflict):
    """A file of that name exists already, with other content."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            expected=f"no file {path}", found="one", remedy="move it away, or choose another name; nothing was written"
        )


class DownloadDamaged(Unavailable):
    """A downloaded file is not the one that the manifest lists."""

    def __init__(self, path: str, expected: str, found: str) -> None:
        super().__init__(expected=f"{path} with {expected}", found=found, remedy="download it again")
