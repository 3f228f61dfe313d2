"""What can go wrong with the servers of one machine."""

from __future__ import annotations

from pathlib import Path

from atom.errors import Conflict, Misconfigured, Unavailable


class ComponentDidNotStart(Unavailable):
    """A component of the embedded stack did not become ready."""

    def __init__(self, name: str, why: str, log: Path, tail: str) -> None:
        super().__init__(
            expected=f"{name} to become ready",
            found=f"{why}\n{tail}" if tail else why,
            remedy=f"read {log}; then start again",
        )


class ComponentDied(Unavailable):
    """A component of the embedded stack keeps dying."""

    def __init__(self, name: str, times: int, log: Path, tail: str) -> None:
        super().__init__(
            expected=f"{name} to stay up",
            found=f"it ended {times} times\n{tail}",
            remedy=f"read {log}; then start again",
        )


class ConfiguredUnreachable(Unavailable):
    """A configured component does not answer."""

    def __init__(self, component: str, setting: str, where: str, why: str) -> None:
        super().__init__(
            expected=f"{component} at {where}, because {setting} is set",
            found=why,
            remedy=f"correct {setting}, or unset it to use the embedded {component}",
        )


class NoFreePort(Unavailable):
    """No free loopback port was found."""

    def __init__(self, tried: range) -> None:
        super().__init__(
            expected=f"a free port of 127.0.0.1 between {tried.start} and {tried.stop}",
            found="every one that was tried is in use",
            remedy="stop what listens there",
        )


class BinariesMissing(Misconfigured):
    """A server's program is not installed."""

    def __init__(self, program: str, looked: str, remedy: str) -> None:
        super().__init__(expected=f"the program {program}", found=f"none in {looked}", remedy=remedy)


class ProgramFailed(Unavailable):
    """A server's set-up program failed."""

    def __init__(self, program: str, output: str, remedy: str) -> None:
        super().__init__(expected=f"{program} to succeed", found=output, remedy=remedy)


class DataOfAnotherVersion(Misconfigured):
    """The data folder was written by another major version of its server."""

    def __init__(self, folder: Path, wrote: str, have: str) -> None:
        super().__init__(
            expected=f"programs of version {wrote}, which wrote {folder}",
            found=f"version {have}",
            remedy=f"install version {wrote}, or dump with it and restore into a new home",
        )


class HomePathTooLong(Misconfigured):
    """The home folder's path is too long for the sockets inside it."""

    def __init__(self, path: Path, limit: int) -> None:
        super().__init__(
            expected=f"a socket path of at most {limit} bytes", found=str(path), remedy="use a home with a shorter path"
        )


class StackAlreadyRunning(Conflict):
    """Another `atomctl up` uses this home folder."""

    def __init__(self, home: Path, owner: str) -> None:
        super().__init__(
            expected=f"nobody else to run the stack in {home}",
            found=f"process {owner} does",
            remedy="use that one, stop it first, or give another --home",
        )


class StackNotRunning(Unavailable):
    """The embedded stack is not running."""

    def __init__(self, home: Path) -> None:
        super().__init__(expected=f"a running stack in {home}", found="none", remedy="start it with `atomctl up`")


class IssuerMissing(Misconfigured):
    """This home has no token issuer."""

    def __init__(self, key: Path) -> None:
        super().__init__(expected=f"a signing key at {key}", found="none", remedy="run `atomctl up` once in this home")
