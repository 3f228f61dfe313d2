from __future__ import annotations

from pathlib import Path

import hvac
import hvac.exceptions
import pytest

from atom.local.openbao import OpenBao
from atom.local.ports import Ports


def login(bao: OpenBao, role: str) -> hvac.Client:
    client = hvac.Client(url=bao.url)
    ids = bao.approle(role)
    client.auth.approle.login(ids.role_id, ids.secret_id)
    return client


def read(client: hvac.Client, path: str) -> dict[str, str]:
    answer = client.secrets.kv.v2.read_secret_version(path, mount_point="secret", raise_on_deleted_version=True)
    return dict(answer["data"]["data"])


def test_secrets_and_logins_survive_kill_9(home: Path, ports: Ports) -> None:
    bao = OpenBao(home, ports)
    bao.start()
    bao.put_secret("atom/db", {"dsn": "postgresql://x"})
    bao.server.kill()
    again = OpenBao(home, Ports(home))
    again.start()
    assert read(login(again, "registry"), "atom/db") == {"dsn": "postgresql://x"}
    again.stop()


def test_a_first_start_that_was_killed_half_way_is_begun_again(home: Path, ports: Ports) -> None:
    bao = OpenBao(home, ports)
    bao.server._deadline = 0.0  # give up, and kill, before initialisation is done
    bao._raft.mkdir()
    with pytest.raises(Exception, match="openbao"):
        bao.server.start()
    again = OpenBao(home, ports)
    again.start()
    again.put_secret("atom/test", {"key": "testvalue"})
    assert read(again.client(), "atom/test") == {"key": "testvalue"}
    again.stop()


def test_each_role_reads_what_it_needs_and_nothing_else(openbao: OpenBao) -> None:
    for path in ("atom/db", "atom/s3", "atom/cosign", "atom/runtime/token", "atom/other"):
        openbao.put_secret(path, {"value": path})
    allowed = {
        "registry": {"atom/db", "atom/s3", "atom/cosign"},
        "runtime": {"atom/db", "atom/s3", "atom/runtime/token"},
    }
    for role, paths in allowed.items():
        client = login(openbao, role)
        for path in ("atom/db", "atom/s3", "atom/cosign", "atom/runtime/token", "atom/other"):
            if path in paths:
                assert read(client, path) == {"value": path}
            else:
                with pytest.raises(hvac.exceptions.Forbidden):
                    read(client, path)
        with pytest.raises(hvac.exceptions.Forbidden):
            client.secrets.kv.v2.create_or_update_secret("atom/db", secret={"dsn": "mine"}, mount_point="secret")


def test_writing_the_same_secret_again_makes_no_new_version(openbao: OpenBao) -> None:
    openbao.put_secret("atom/same", {"a": "1"})
    openbao.put_secret("atom/same", {"a": "1"})
    metadata = openbao.client().secrets.kv.v2.read_secret_metadata("atom/same", mount_point="secret")
    assert metadata["data"]["current_version"] == 1


def test_the_root_token_never_expires_and_only_its_owner_reads_it(openbao: OpenBao, servers_home: Path) -> None:
    token = openbao.client().auth.token.lookup_self()["data"]
    assert token["ttl"] == 0
    assert token["policies"] == ["root"]
    for secret in ("credentials.json", "seal.key"):
        assert (servers_home / "openbao" / secret).stat().st_mode & 0o777 == 0o600


def test_no_credential_is_in_log_or_configuration(openbao: OpenBao, servers_home: Path) -> None:
    written = (servers_home / "logs" / "openbao.log").read_text() + (servers_home / "openbao/config.json").read_text()
    for secret in (openbao._root_token, openbao.approle("registry").secret_id, openbao.approle("runtime").secret_id):
        assert secret not in written
