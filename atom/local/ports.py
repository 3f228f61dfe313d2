"""Loopback ports that stay the same from one start to the next."""

from __future__ import annotations

import json
import random
import socket
from pathlib import Path
from threading import Lock

from atom.local.errors import NoFreePort
from atom.local.files import write_private

GRPC_OFFSET = 10_000  # SeaweedFS listens for gRPC this far above each HTTP port
# With the offset still below what kernels hand out for outgoing connections (32768 and up), so that none of those
# squats on a remembered port; and short enough that no port is another one's gRPC port.
_CANDIDATES = range(10_300, 10_300 + GRPC_OFFSET)


class Ports:
    """Names to ports, remembered in `<home>/ports.json`."""

    def __init__(self, home: Path) -> None:
        self._file = home / "ports.json"
        self._lock = Lock()
        self._ports: dict[str, int] = json.loads(self._file.read_text()) if self._file.exists() else {}

    def take(self, name: str, preferred: int | None = None, also: int = 0) -> int:
        """The remembered port if it is free, else `preferred` if free, else any free one.

        A port counts as free only if the one `also` above it is, too. Raises NoFreePort.
        """
        with self._lock:
            others = {port for other, port in self._ports.items() if other != name}
            wishes = [wish for wish in (self._ports.get(name), preferred) if wish is not None]
            for port in [*wishes, *random.sample(_CANDIDATES, 200)]:
                if port not in others and is_free(port) and (not also or is_free(port + also)):
                    if self._ports.get(name) != port:
                        self._ports[name] = port
                        write_private(self._file, json.dumps(self._ports, indent=1))
                    return port
            raise NoFreePort(_CANDIDATES)

    def known(self, name: str) -> int | None:
        """The remembered port."""
        return self._ports.get(name)


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # TIME_WAIT is no obstacle to a server either
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
