from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

from atom.local.errors import IssuerMissing
from atom.local.issuer import AUDIENCE, ISSUER, ensure_issuer, issue_token

TENANT = "00000000-0000-7000-8000-000000000001"


def keys(issuers: Path) -> KeySet:
    return KeySet.import_key_set(json.loads(issuers.read_text())[ISSUER])


def test_a_token_carries_who_asks_and_verifies_with_the_published_key(tmp_path: Path) -> None:
    issuers = ensure_issuer(tmp_path)
    token = jwt.decode(
        issue_token(tmp_path, "ada", ["author", "operator"], TENANT, 60), keys(issuers), algorithms=["ES256"]
    )
    now = time.time()
    assert token.claims["sub"] == "ada"
    assert token.claims["roles"] == ["author", "operator"]
    assert token.claims["tenant"] == TENANT
    assert (token.claims["iss"], token.claims["aud"]) == (ISSUER, AUDIENCE)
    assert token.claims["nbf"] <= now < token.claims["exp"] <= now + 61


def test_a_restart_keeps_the_key_so_tokens_stay_good(tmp_path: Path) -> None:
    ensure_issuer(tmp_path)
    token = issue_token(tmp_path, "ada", [], TENANT, 60)
    assert jwt.decode(token, keys(ensure_issuer(tmp_path)), algorithms=["ES256"]).claims["sub"] == "ada"


def test_another_homes_token_is_a_strangers(tmp_path: Path) -> None:
    ours = ensure_issuer(tmp_path / "ours")
    ensure_issuer(tmp_path / "theirs")
    token = issue_token(tmp_path / "theirs", "mallory", ["tenant-admin"], TENANT, 60)
    (key,) = keys(ours).keys  # the key id differs already; even with ours forced on it, the signature does not hold
    with pytest.raises(BadSignatureError):
        jwt.decode(token, key, algorithms=["ES256"])


def test_the_private_key_is_its_owners_and_is_not_published(tmp_path: Path) -> None:
    issuers = ensure_issuer(tmp_path)
    assert (tmp_path / "issuer" / "key.pem").stat().st_mode & 0o777 == 0o600
    assert '"d"' not in issuers.read_text()


def test_a_home_without_issuer_issues_nothing(tmp_path: Path) -> None:
    with pytest.raises(IssuerMissing):
        issue_token(tmp_path, "ada", [], TENANT, 60)
