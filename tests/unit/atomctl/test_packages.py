"""From playbook to pushed package, with the files that a person really has."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.unit.atomctl.conftest import FakeServer

PLAYBOOKS = Path(__file__).parents[3] / "examples" / "playbooks"
RESTART = PLAYBOOKS / "restart-unhealthy.wpk.yaml"
PACKAGE = "restart-unhealthy-1.0.0.wpk.yaml"
PASSWORD = {"COSIGN_PASSWORD": "secret pass"}
WORKFLOW = {
    "id": "01939f2e-7f3c-7c1a-b7a0-6a9d3c1f2b11",
    "name": "restart-unhealthy",
    "version": "1.0.0",
    "digest": "sha256:" + "b" * 64,
    "title": "",
    "signer": "alice",
    "sig_kind": "key-bundle",
    "published_by": "alice",
    "received_at": "2026-11-22T10:00:00Z",
    "revoked_at": None,
}
VERDICT = {"risk": "safe", "score": 0, "mode": "auto", "findings": []}


@pytest.fixture
def signed(atomctl: Any) -> Path:
    """A packed and signed package in the working folder, with its key pair."""
    for arguments in (("keygen", "-o", "alice"), ("pack", str(RESTART)), ("sign", PACKAGE, "--key", "alice.key")):
        done = atomctl(*arguments, env=PASSWORD)
        assert done.exit_code == 0, done.output
    return Path(PACKAGE)


def test_what_was_signed_here_verifies_here(atomctl: Any, signed: Path) -> None:
    assert signed.read_bytes() == RESTART.read_bytes()
    assert atomctl("verify", PACKAGE, "--key", "alice.pub").exit_code == 0


def test_a_changed_byte_does_not_verify(atomctl: Any, signed: Path) -> None:
    signed.write_bytes(signed.read_bytes() + b"\n")
    done = atomctl("verify", PACKAGE, "--key", "alice.pub")
    assert done.exit_code == 1
    assert "made for other bytes" in done.stderr


def test_a_missing_signature_is_told(atomctl: Any, signed: Path) -> None:
    Path(f"{PACKAGE}.sigstore.json").unlink()
    assert "There is no signature" in atomctl("verify", PACKAGE, "--key", "alice.pub").stderr


def test_a_detached_signature_works_as_well(atomctl: Any, signed: Path) -> None:
    Path(f"{PACKAGE}.sigstore.json").unlink()
    assert atomctl("sign", PACKAGE, "--key", "alice.key", "--signature", f"{PACKAGE}.sig", env=PASSWORD).exit_code == 0
    assert atomctl("verify", PACKAGE, "--key", "alice.pub").exit_code == 0


def test_a_private_key_is_its_owners_alone_and_encrypted(atomctl: Any, signed: Path) -> None:
    key = Path("alice.key")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "ENCRYPTED" in key.read_text()


def test_a_key_pair_is_never_overwritten(atomctl: Any, signed: Path) -> None:
    before = Path("alice.key").read_bytes()
    assert atomctl("keygen", "-o", "alice", env=PASSWORD).exit_code == 1
    assert Path("alice.key").read_bytes() == before


def test_a_wrong_password_is_refused_and_not_repeated(atomctl: Any, signed: Path) -> None:
    done = atomctl("sign", PACKAGE, "--key", "alice.key", "--password-stdin", input="wrong pass\n")
    assert done.exit_code == 1
    assert "wrong pass" not in done.output


def test_the_password_may_come_on_standard_input(atomctl: Any, signed: Path) -> None:
    assert atomctl("sign", PACKAGE, "--key", "alice.key", "--password-stdin", input="secret pass\n").exit_code == 0


def test_without_terminal_and_password_nothing_waits(atomctl: Any) -> None:
    done = atomctl("keygen")
    assert done.exit_code == 2
    assert "COSIGN_PASSWORD" in done.stderr


def test_signing_needs_a_key(atomctl: Any, signed: Path) -> None:
    done = atomctl("sign", PACKAGE)
    assert done.exit_code == 2
    assert "COSIGN_KEY" in done.stderr


def test_the_key_may_come_from_the_environment(atomctl: Any, signed: Path) -> None:
    assert atomctl("sign", PACKAGE, env=PASSWORD | {"COSIGN_KEY": "alice.key"}).exit_code == 0


def test_a_version_never_changes(atomctl: Any, signed: Path) -> None:
    assert atomctl("pack", str(RESTART)).exit_code == 0  # the same bytes again
    changed = Path("changed.wpk.yaml")
    changed.write_bytes(RESTART.read_bytes() + b"\n# more\n")
    assert atomctl("pack", str(changed)).exit_code == 1
    assert signed.read_bytes() == RESTART.read_bytes()


def test_what_is_no_playbook_is_not_packed(atomctl: Any) -> None:
    Path("a.yaml").write_text("a: &x 1\n")
    assert atomctl("pack", "a.yaml").exit_code == 1
    assert atomctl("pack", "missing.yaml").exit_code == 5
    assert not list(Path().glob("*.wpk.yaml"))


def test_a_push_sends_the_exact_bytes_and_their_bundle(atomctl: Any, registry: FakeServer, signed: Path) -> None:
    registry.say("POST", "/workflows", WORKFLOW | {"verdict": VERDICT}, status=201)
    done = atomctl("push", PACKAGE)
    assert done.exit_code == 0
    assert "alice" in done.stdout
    assert signed.read_bytes() in registry.asked[0].body
    assert Path(f"{PACKAGE}.sigstore.json").read_bytes() in registry.asked[0].body


def test_an_unsigned_push_is_for_the_registry_to_refuse(atomctl: Any, registry: FakeServer) -> None:
    registry.refuse("POST", "/workflows", 400, title="There is no signature", quarantine_id="q-1")
    done = atomctl("push", str(RESTART))
    assert done.exit_code == 1
    assert "q-1" in done.stderr
    assert b'name="bundle"' not in registry.asked[0].body


def test_a_file_is_judged_without_a_registry(atomctl: Any, registry: FakeServer) -> None:
    assert atomctl("dry-run", str(RESTART)).exit_code == 0
    unsafe = atomctl("dry-run", str(PLAYBOOKS / "unsafe" / "host-path-logs.wpk.yaml"), "--json")
    assert unsafe.exit_code == 1
    assert json.loads(unsafe.stdout)["risk"] == "unsafe"
    assert registry.asked == []


def test_packages_are_listed_for_people_and_for_programs(atomctl: Any, registry: FakeServer) -> None:
    registry.say("GET", "/workflows", {"items": [WORKFLOW], "next": None})
    assert "restart-unhealthy" in atomctl("list").stdout
    assert json.loads(atomctl("list", "--json").stdout)["items"] == [WORKFLOW]


def test_an_empty_list_is_not_a_blank_screen(atomctl: Any, registry: FakeServer) -> None:
    registry.say("GET", "/workflows", {"items": [], "next": None})
    done = atomctl("list")
    assert done.stdout == ""
    assert "No packages yet" in done.stderr
