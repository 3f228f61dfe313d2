"""Does a component answer, and which version is it? One function each, for configured and embedded ones alike.

Every function returns a short version (or description) and raises, whatever goes wrong, an exception whose text says
why and holds no secret. None takes longer than about ten seconds.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psycopg
from pydantic import SecretStr

from atom.local.probe import grpc_request, http_json, http_request, milvus_version
from atom.settings import Settings
from atom.store.vault import Vault

_SECONDS = 5
_DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy lastHeartbeatTime } } } }"
_OPENAI = "https://api.openai.com/v1"

Check = Callable[[], str]


class Unanswered(Exception):
    """Internal to this package: why a component counts as unreachable."""


def database(settings: Settings) -> str:
    """PostgreSQL with the application's DSN, given or referred to."""
    dsn = settings.postgres_dsn
    if dsn is None:
        dsn = _vault(settings).read(settings.db_dsn_ref or "")
    try:
        with psycopg.connect(dsn.get_secret_value(), connect_timeout=_SECONDS) as connection:
            return f"PostgreSQL {connection.info.parameter_status('server_version')}"
    except psycopg.ProgrammingError:  # its text would quote the DSN
        raise Unanswered("it is no connection URI that libpq understands") from None


def secret_store(settings: Settings) -> str:
    """Vault or OpenBao, unsealed, and a login that it accepts."""
    status, body, _ = http_request(f"{settings.vault_addr}/v1/sys/health")
    if status not in (HTTPStatus.OK, HTTPStatus.TOO_MANY_REQUESTS, 472, 473):  # active, or some kind of standby
        raise Unanswered(f"sys/health says HTTP {status}: sealed or not initialised")
    health = _json(body)
    _log_in(settings)
    return f"Vault API {health.get('version', '')}"  # OpenBao does not say that it is OpenBao


def objects(settings: Settings) -> str:
    """An S3 bucket with Object Lock that the credentials open."""
    from atom.store.connect import connect_objects  # brings pymilvus and pandas along: a second of CPU

    store = connect_objects(settings, Vault.from_settings(settings))
    try:
        store.check()
    finally:
        store.close()
    if settings.s3_endpoint is None:
        return "AWS S3"
    _, _, headers = http_request(settings.s3_endpoint)
    server = (headers.get("Server") or "S3").split()  # SeaweedFS 8000GB 4.48
    return " ".join(dict.fromkeys([server[0], server[-1]]))


def vectors(settings: Settings) -> str:
    """Milvus's GetVersion."""
    told = milvus_version(settings.milvus_endpoint or "", _plain(settings.milvus_token))
    return told.replace("milvus_lite-", "Milvus Lite ") if "lite" in told else f"Milvus {told}"


def registry(url: str) -> str:
    """The registry and everything that it needs."""
    _expect_ok(f"{url}/readyz")
    return f"Atom {distribution('atom-wpk')}"


def webserver(url: str) -> str:
    """Dagster's webserver."""
    return f"Dagster {_json(_expect_ok(f'{url}/server_info')).get('dagster_version', '')}"


def daemon(url: str, since: float = 0.0) -> str:
    """Every daemon that the instance needs has sent a heartbeat after `since` (seconds of the epoch)."""
    answer: Any = http_json(f"{url}/graphql", {"query": _DAEMONS})
    statuses = answer["data"]["instance"]["daemonHealth"]["allDaemonStatuses"]
    needed = [status for status in statuses if status["required"]]
    late = [s["daemonType"] for s in needed if not s["healthy"] or (s["lastHeartbeatTime"] or 0.0) < since]
    if late or not needed:
        raise Unanswered(f"no heartbeat of {', '.join(late) or 'any daemon'}")
    return f"{len(needed)} daemons"


def code_location(port: int) -> str:
    """Dagster's code server has loaded the definitions: gRPC health, status SERVING."""
    answer = grpc_request(f"http://127.0.0.1:{port}", "/grpc.health.v1.Health/Check", b"\x0a\x0aDagsterApi")
    if answer != b"\x08\x01":
        raise Unanswered("it does not serve yet")
    return f"Dagster {distribution('dagster')}"


def run_workers(path: Path) -> str:
    """The pool has loaded its code: it tells the state of a run that does not exist."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_SECONDS)
        connection.connect(str(path))
        connection.sendall(b"state 00000000-0000-0000-0000-000000000000\n")
        if not connection.recv(64):
            raise Unanswered("it hung up")
    return f"Dagster {distribution('dagster')}"


def metrics(settings: Settings) -> str:
    """Prometheus answers a query."""
    _expect_ok(f"{settings.prom_url}/api/v1/query?query=1")
    _, body, _ = http_request(f"{settings.prom_url}/api/v1/status/buildinfo")
    data = _json(body).get("data", {})
    return f"Prometheus {data.get('version', '')}".strip()


def cluster(settings: Settings) -> str:
    """The API server of the kubeconfig's current context."""
    from kubernetes import client, config  # a second that only those who have a cluster pay

    api = config.new_client_from_config(config_file=str(settings.kubeconfig))
    told = client.VersionApi(api).get_code(_request_timeout=_SECONDS)
    return f"Kubernetes {told.git_version}"


def embedder(settings: Settings) -> str:
    """The OpenAI-compatible endpoint accepts the key, or the model folder holds its two files."""
    if settings.openai_key is not None:
        key = settings.openai_key.get_secret_value()
        base = settings.openai_base_url or _OPENAI
        status, _, _ = http_request(f"{base.rstrip('/')}/models", headers={"Authorization": f"Bearer {key}"})
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise Unanswered("it refuses the key")
        return "OpenAI API"
    folder = settings.embedding_model_dir or Path()
    missing = [name for name in ("model.safetensors", "tokenizer.json") if not (folder / name).is_file()]
    if missing:
        raise Unanswered(f"no {' and no '.join(missing)} in it")
    return "MiniLM"


def signing_key(settings: Settings) -> str:
    """The key file is there, or Vault has it."""
    if settings.cosign_key_ref is not None:
        _vault(settings).read(settings.cosign_key_ref)
        return "cosign key in Vault"
    if not Path(settings.cosign_key or "").is_file():
        raise Unanswered("no such file")
    return "cosign key file"


def distribution(name: str) -> str:
    """Version of an installed distribution; a source tree that was never installed has none."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "(source tree)"


def _log_in(settings: Settings) -> None:
    if settings.vault_token is not None:
        headers = {"X-Vault-Token": settings.vault_token.get_secret_value()}
        status, _, _ = http_request(f"{settings.vault_addr}/v1/auth/token/lookup-self", headers=headers)
        refused = "VAULT_TOKEN"
    else:
        ids = {"role_id": settings.vault_role_id, "secret_id": _plain(settings.vault_secret_id)}
        body = json.dumps(ids).encode()
        status, _, _ = http_request(f"{settings.vault_addr}/v1/auth/approle/login", method="POST", body=body)
        refused = "VAULT_ROLE_ID and VAULT_SECRET_ID"
    if status != HTTPStatus.OK:
        raise Unanswered(f"it refuses {refused} (HTTP {status})")


def _expect_ok(url: str) -> bytes:
    status, body, _ = http_request(url)
    if status != HTTPStatus.OK:
        raise Unanswered(f"HTTP {status} {body[:300].decode(errors='replace')}")
    return body


def _json(body: bytes) -> dict[str, Any]:
    answer = json.loads(body)
    return answer if isinstance(answer, dict) else {}


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _vault(settings: Settings) -> Vault:
    vault = Vault.from_settings(settings)
    if vault is None:
        raise Unanswered("a Vault reference is set, but VAULT_ADDR is not")
    return vault
