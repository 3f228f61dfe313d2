"""The pool's Unix socket: for its owner alone, and for one pool at a time."""

from __future__ import annotations

import fcntl
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from orchestration.launchers.errors import PoolAlreadyRuns, SocketRefused

_BACKLOG = 256  # launches that may wait while the pool loads its code


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket and the lock beside it. The kernel drops the lock with its holder: no stale state."""

    path: Path
    socket: socket.socket
    lock: int

    @classmethod
    def open(cls, path: Path) -> Self:
        """Raises PoolAlreadyRuns, or SocketRefused for a path that cannot be used."""
        try:
            lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SocketRefused(path, str(error)) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise PoolAlreadyRuns(path) from None
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            path.unlink(missing_ok=True)  # left by a pool that was killed: we hold its lock
            listening.bind(str(path))
        except OSError as error:
            os.close(lock)
            raise SocketRefused(path, str(error)) from error
        finally:
            os.umask(before)
        listening.listen(_BACKLOG)
        return cls(path, listening, lock)

    def bequeath(self) -> dict[str, int | str]:
        """Let both descriptors survive an exec; the result is what `inherit` needs."""
        os.set_inheritable(self.socket.fileno(), True)
        os.set_inheritable(self.lock, True)
        return {"path": str(self.path), "socket": self.socket.fileno(), "lock": self.lock}

    @classmethod
    def inherit(cls, left: dict[str, int | str]) -> Self:
        """Take up what `bequeath` left, closed again to further execs."""
        listening = socket.socket(fileno=int(left["socket"]))
        os.set_inheritable(listening.fileno(), False)
        os.set_inheritable(int(left["lock"]), False)
        return cls(Path(str(left["path"])), listening, int(left["lock"]))

    def close(self) -> None:
        """Give both up without a word to anybody who connects; the path stays."""
        self.socket.close()
        os.close(self.lock)

    def unlink(self) -> None:
        """Take the path away and give both up: from here on, connecting fails at once."""
        self.path.unlink(missing_ok=True)
        self.close()
