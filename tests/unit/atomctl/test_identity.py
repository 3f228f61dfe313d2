"""Who a command acts as: a token from outside, or one by the issuer of this machine."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from atom.local.issuer import ensure_issuer
from atomctl.session import ROLES
from tests.unit.atomctl.conftest import FakeServer


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home that the `atomctl` fixture uses, with an issuer."""
    ensure_issuer(tmp_path / "home")
    return tmp_path / "home"


def _claims(token: str) -> dict[str, Any]:
    payload = token.strip().split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def _bearer(registry: FakeServer) -> str:
    return registry.asked[-1].headers["Authorization"].removeprefix("Bearer ")


def test_a_given_token_is_used_as_it_is(atomctl: Any, registry: FakeServer, home: Path) -> None:
    registry.say("GET", "/keys", {"items": []})
    atomctl("keys", "list")
    assert _bearer(registry) == "t0ken"


def test_acting_as_somebody_wins_over_a_token_in_the_environment(
    atomctl: Any, registry: FakeServer, home: Path
) -> None:
    registry.say("GET", "/keys", {"items": []})
    atomctl("keys", "list", "--as", "carol", "--role", "approver")
    claims = _claims(_bearer(registry))
    assert (claims["sub"], claims["roles"], claims["tenant"]) == ("carol", ["approver"], "default")


def test_no_token_is_made_for_a_registry_elsewhere(atomctl: Any, registry: FakeServer, home: Path) -> None:
    registry.say("GET", "/keys", {"items": []})
    atomctl("keys", "list", env={"ATOM_TOKEN": ""})
    assert "Authorization" not in registry.asked[-1].headers


def test_a_token_for_other_clients(atomctl: Any, home: Path) -> None:
    claims = _claims(atomctl("token", "--as", "bob", "--ttl", "60").stdout)
    assert claims["sub"] == "bob"
    assert set(claims["roles"]) == set(ROLES)
    assert claims["exp"] - claims["iat"] == 60


def test_a_home_without_issuer_or_stack_says_what_to_do(atomctl: Any) -> None:
    for arguments, code in ((["token"], 2), (["env"], 3), (["migrate"], 2)):
        done = atomctl(*arguments)
        assert done.exit_code == code
        assert "atomctl up" in done.stderr


def test_a_setting_that_makes_no_sense_is_named(atomctl: Any) -> None:
    done = atomctl("migrate", env={"AUDIT_RETENTION_DAYS": "soon"})
    assert done.exit_code == 2
    assert "AUDIT_RETENTION_DAYS" in done.stderr


def test_the_roles_offered_are_the_registrys() -> None:
    from registry_api.auth import Role

    assert set(ROLES) == {role.value for role in Role}
