from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from atom.local.ports import GRPC_OFFSET, Ports, is_free


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_preferred_port_is_taken_when_it_is_free(tmp_path: Path) -> None:
    port = free_port()
    assert Ports(tmp_path).take("registry", preferred=port) == port


def test_a_preferred_port_in_use_gives_way_to_another(tmp_path: Path, listener: int) -> None:
    port = Ports(tmp_path).take("registry", preferred=listener)
    assert port != listener
    assert is_free(port)


def test_a_restart_keeps_its_ports(tmp_path: Path) -> None:
    first = {name: Ports(tmp_path).take(name) for name in ("postgres", "openbao")}
    assert {name: Ports(tmp_path).take(name) for name in first} == first


def test_a_remembered_port_that_somebody_else_took_is_replaced_and_the_new_one_remembered(tmp_path: Path) -> None:
    port = Ports(tmp_path).take("postgres")
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", port))
        thief.listen()
        second = Ports(tmp_path).take("postgres")
        assert second != port
    assert Ports(tmp_path).take("postgres") == second


def test_two_names_never_share_a_port(tmp_path: Path) -> None:
    ports = Ports(tmp_path)
    port = free_port()
    assert ports.take("one", preferred=port) != ports.take("two", preferred=port)


def test_the_port_above_must_be_free_too(tmp_path: Path) -> None:
    ports = Ports(tmp_path)
    port = ports.take("seaweedfs-s3", also=GRPC_OFFSET)
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", port + GRPC_OFFSET))
        thief.listen()
        assert ports.take("seaweedfs-s3", also=GRPC_OFFSET) != port


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    Ports(tmp_path).take("postgres")
    assert (tmp_path / "ports.json").stat().st_mode & 0o777 == 0o600
