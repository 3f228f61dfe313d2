"""Milvus Lite, embedded: vector search over gRPC. It knows no users: whoever reaches its loopback port may read."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from atom.local.files import private_folder
from atom.local.ports import Ports
from atom.local.probe import milvus_version
from atom.local.process import Server


class Milvus:
    """`milvus-lite server` with its data in `<home>/milvus`."""

    name = "milvus"

    def __init__(self, home: Path, ports: Ports) -> None:
        folder = private_folder(home.resolve() / "milvus")
        self.port = ports.take(self.name)
        self.url = f"http://127.0.0.1:{self.port}"
        self.server = Server(
            home,
            self.name,
            [sys.executable, "-m", "milvus_lite", "server", *_flags(folder, self.port)],
            ready=self._not_ready,
            stop_signal=signal.SIGINT,  # SIGTERM would end it without closing its files
            grace=6.0,
        )

    def start(self) -> None:
        """Raises ComponentDidNotStart."""
        self.server.start()

    def stop(self) -> None:
        """Drains requests, closes its files."""
        self.server.stop()

    def version(self) -> str:
        """Of the running server."""
        return milvus_version(self.url).replace("milvus_lite-", "Milvus Lite ")

    def _not_ready(self) -> str | None:
        try:
            milvus_version(self.url, timeout=2.0)
        except OSError as error:
            return str(error)
        return None


def _flags(folder: Path, port: int) -> list[str]:
    return ["--data-dir", str(folder), "--host", "127.0.0.1", "--port", str(port)]  # its own default host is 0.0.0.0
