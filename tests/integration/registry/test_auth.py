"""A token is believed for what its issuer signed and for nothing else; every route asks for exactly one permission."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from atom.local.files import write_private
from atom.local.issuer import ISSUER
from registry_api.auth import PERMISSIONS, Role
from tests.integration.registry.test_uploads import problem
from tests.integration.worlds import TenantWorld, add_tenant

OPEN = {
    "/healthz",
    "/readyz",
    "/metrics",
    "/schemas/wpk/v1",
    "/docs",
    "/docs/oauth2-redirect",
    "/redoc",
    "/openapi.json",
}
EC, ED, RSA = ECKey.generate_key("P-256"), OKPKey.generate_key("Ed25519"), RSAKey.generate_key(2048)
EXPECTED = {  # who may do what, as the administrator's guide tells it
    "viewer": {"workflows.read", "runs.read", "evidence.read", "keys.read", "learning.read"},
    "auditor": set(),
    "publisher": {"workflows.upload"},
    "operator": {"runs.request", "runs.cancel"},
    "approver": {"runs.decide", "runs.cancel"},
    "tenant-admin": {
        "workflows.upload",
        "workflows.revoke",
        "runs.request",
        "runs.decide",
        "runs.cancel",
        "keys.manage",
    },
}


@pytest.fixture(scope="module")
def world(shared_world: TenantWorld) -> TenantWorld:
    """Its issuer signs with three kinds of key; another issuer is known, and may speak for no tenant."""
    keys = [{**key.as_dict(private=False), "kid": name} for key, name in ((EC, "ec"), (ED, "ed"), (RSA, "rsa"))]
    file = shared_world.home / "issuer" / "issuers.json"
    own = json.loads(file.read_text())[ISSUER]["keys"]
    stranger = {"keys": [{**EC.as_dict(private=False), "kid": "ec"}]}
    write_private(file, json.dumps({ISSUER: {"keys": [*own, *keys]}, "http://stranger": stranger}))
    return shared_world


def claims(**other: Any) -> dict[str, Any]:
    now = int(time.time())
    told = {
        "iss": ISSUER,
        "aud": "atom",
        "sub": "eve",
        "tenant": "default",
        "roles": ["viewer"],
        "iat": now,
        "exp": now + 60,
    }
    return {name: value for name, value in (told | other).items() if value is not ...}


def signed(header: dict[str, Any] | None = None, key: Any = EC, **other: Any) -> str:
    head = {"alg": "ES256", "kid": "ec", **(header or {})}
    head = {name: value for name, value in head.items() if value is not ...}
    return jwt.encode(head, claims(**other), key, algorithms=[head["alg"]])


def b64(data: bytes | str) -> str:
    return base64.urlsafe_b64encode(data.encode() if isinstance(data, str) else data).rstrip(b"=").decode()


def raw(header: str, payload: str, signature: bytes = b"") -> str:
    return f"{b64(header)}.{b64(payload)}.{b64(signature)}"


def es256(header: str, payload: str) -> str:
    """Signed by hand, so that header and payload may be any text."""
    told = f"{b64(header)}.{b64(payload)}"
    r, s = decode_dss_signature(EC.private_key.sign(told.encode(), ECDSA(hashes.SHA256())))
    return f"{told}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def ask(world: TenantWorld, token: str) -> Any:
    return world.client.get(
        "/workflows", headers={"Authorization": b"Bearer " + token.encode("utf-8", "surrogatepass")}
    )


HS256_WITH_PUBLIC_KEY = [
    EC.as_pem(private=False),
    EC.as_der(private=False),
    json.dumps(EC.as_dict(private=False)).encode(),
]
JWE = '{"alg":"dir","enc":"A128GCM","kid":"ec"}'
NOW = int(time.time())
REFUSED: dict[str, Callable[[], str]] = {
    "alg none": lambda: raw('{"alg":"none","kid":"ec"}', json.dumps(claims())),
    "alg none without kid": lambda: raw('{"alg":"none"}', json.dumps(claims())),
    "alg None": lambda: raw('{"alg":"None","kid":"ec"}', json.dumps(claims())),
    "HS256 with the public PEM": lambda: _hs256(HS256_WITH_PUBLIC_KEY[0]),
    "HS256 with the public DER": lambda: _hs256(HS256_WITH_PUBLIC_KEY[1]),
    "HS256 with the public JWK": lambda: _hs256(HS256_WITH_PUBLIC_KEY[2]),
    "RS384, which nobody allowed": lambda: signed({"alg": "RS384", "kid": "rsa"}, RSA),
    "the wrong algorithm for the key": lambda: signed({"alg": "ES256", "kid": "rsa"}),
    "no kid": lambda: signed({"kid": ...}),
    "an empty kid": lambda: signed({"kid": ""}),
    "an unknown kid": lambda: signed({"kid": "other"}),
    "a kid that is no text": lambda: es256('{"alg":"ES256","kid":{"a":1}}', json.dumps(claims())),
    "a key that the token brought itself": lambda: _brought(),
    "another issuer's name": lambda: signed(iss="http://stranger2"),
    "an issuer without a tenant": lambda: signed(iss="http://stranger"),
    "no issuer": lambda: signed(iss=...),
    "issuers in a list": lambda: signed(iss=[ISSUER]),
    "another audience": lambda: signed(aud="other"),
    "no audience": lambda: signed(aud=...),
    "an empty audience": lambda: signed(aud=[]),
    "expired": lambda: signed(exp=NOW - 60),
    "no expiry": lambda: signed(exp=...),
    "an expiry that is text": lambda: signed(exp="tomorrow"),
    "an expiry that is null": lambda: signed(exp=None),
    "not valid yet": lambda: signed(nbf=NOW + 3600),
    "issued tomorrow": lambda: signed(iat=NOW + 86400),
    "no subject": lambda: signed(sub=...),
    "an empty subject": lambda: signed(sub=""),
    "a subject that is a number": lambda: signed(sub=7),
    "a subject with a NUL": lambda: signed(sub="eve\0"),
    "a subject with a line break": lambda: signed(sub="eve\nadmin"),
    "a subject of half a character": lambda: es256('{"alg":"ES256","kid":"ec"}', json.dumps(claims(sub="\ud800"))),
    "a long subject": lambda: signed(sub="e" * 256),
    "no tenant": lambda: signed(tenant=...),
    "an unknown tenant": lambda: signed(tenant="nobody"),
    "a tenant that is a number": lambda: signed(tenant=1),
    "tenants in a list": lambda: signed(tenant=["default"]),
    "a tenant with a NUL": lambda: signed(tenant="default\0"),
    "a tenant with SQL": lambda: signed(tenant="default' or '1'='1"),
    "a changed payload": lambda: _changed(),
    "a cut signature": lambda: signed()[:-4],
    "no signature": lambda: signed().rpartition(".")[0] + ".",
    "two dots only": lambda: "..",
    "one dot": lambda: ".",
    "five parts": lambda: "a.b.c.d.e",
    "an encrypted token": lambda: f"{b64(JWE)}..{b64(b'1' * 12)}.{b64('x')}.{b64(b'2' * 16)}",
    "garbage": lambda: "Zm9v",
    "no base64": lambda: "!!!.???.%%%",
    "beyond ASCII": lambda: "é.ü.漢",
    "a payload that is a list": lambda: es256('{"alg":"ES256","kid":"ec"}', "[]"),
    "a payload that is a number": lambda: es256('{"alg":"ES256","kid":"ec"}', "1"),
    "a payload that is no JSON": lambda: es256('{"alg":"ES256","kid":"ec"}', "{"),
    "a deep payload": lambda: es256('{"alg":"ES256","kid":"ec"}', "[" * 2000),
    "a header that is a list": lambda: es256("[]", json.dumps(claims())),
    "an unknown critical header": lambda: es256('{"alg":"ES256","kid":"ec","crit":["x"],"x":1}', json.dumps(claims())),
    "oversized": lambda: signed(padding="x" * 9000),
    "oversized garbage": lambda: "a" * 100_000,
}


def _hs256(secret: bytes) -> str:
    """By hand: the library refuses to sign with a public key."""
    told = raw('{"alg":"HS256","kid":"ec"}', json.dumps(claims())).rpartition(".")[0]
    return f"{told}.{b64(hmac.digest(secret, told.encode(), 'sha256'))}"


def _brought() -> str:
    key = ECKey.generate_key("P-256")
    return signed({"kid": "mine", "jwk": key.as_dict(private=False)}, key)


def _changed() -> str:
    header, _, signature = signed().split(".")
    return ".".join([header, b64(json.dumps(claims(roles=["tenant-admin"]))), signature])


@pytest.mark.parametrize("what", REFUSED)
def test_a_token_is_refused_that_has(world: TenantWorld, what: str) -> None:
    answer = ask(world, REFUSED[what]())
    body = problem(answer, 401, "token-refused")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert len(body["found"]) < 300


@pytest.mark.parametrize(("alg", "kid", "key"), [("ES256", "ec", EC), ("EdDSA", "ed", ED), ("RS256", "rsa", RSA)])
def test_a_good_token_is_believed(world: TenantWorld, alg: str, kid: str, key: Any) -> None:
    assert ask(world, signed({"alg": alg, "kid": kid}, key)).status_code == 200
    assert ask(world, signed({"alg": alg, "kid": kid}, key, aud=["other", "atom"], nbf=NOW - 5)).status_code == 200


def test_clocks_may_differ_by_half_a_minute(world: TenantWorld) -> None:
    assert ask(world, signed(exp=int(time.time()) - 5)).status_code == 200
    assert ask(world, signed(nbf=int(time.time()) + 5)).status_code == 200


@pytest.mark.parametrize("scheme", ["", "Bearer", "Bearer ", "Basic YTpi", "bearer..", "Token x"])
def test_without_a_bearer_token_nobody_gets_in(world: TenantWorld, scheme: str) -> None:
    problem(world.client.get("/workflows", headers={"Authorization": scheme}), 401, "token-refused")


@pytest.mark.parametrize(
    "roles",
    [..., None, "tenant-admin", {"tenant-admin": True}, 1, [], ["root"], [["tenant-admin"]], [{"a": 1}], [None]],
)
def test_roles_that_are_no_list_of_known_names_are_no_roles(world: TenantWorld, roles: Any) -> None:
    answer = ask(world, signed(roles=roles))
    assert problem(answer, 403, "role-missing")["found"] == "no role"


def test_unknown_roles_beside_a_known_one_are_passed_over(world: TenantWorld) -> None:
    assert ask(world, signed(roles=["root", ["x"], "viewer"])).status_code == 200


def test_a_claim_that_stands_twice_is_read_the_same_way_by_all(world: TenantWorld) -> None:
    """Whichever of the two counts, the issuer whose key is tried, the tenant and the roles come from one reading."""
    good = json.dumps(claims())[1:]
    header = '{"alg":"ES256","kid":"ec"}'
    assert ask(world, es256(header, '{"iss":"http://evil","aud":"x","tenant":"nobody",' + good)).status_code == 200
    for twice in ('"iss":"http://evil"', '"aud":"x"', '"tenant":"nobody"', '"exp":1', '"sub":""'):
        problem(ask(world, es256(header, f"{{{good[:-1]},{twice}}}")), 401, "token-refused")
    assert ask(world, es256('{"alg":"none","alg":"ES256","kid":"ec"}', json.dumps(claims()))).status_code == 200
    problem(ask(world, es256('{"alg":"ES256","kid":"ec","alg":"none"}', json.dumps(claims()))), 401, "token-refused")


def test_a_token_says_nothing_in_another_tenant(world: TenantWorld, postgres: Any, shared_database: str) -> None:
    add_tenant(postgres, shared_database, "tenant-b")
    world.published()
    assert ask(world, signed(tenant="tenant-b")).json()["items"] == []
    assert ask(world, signed()).json()["items"]


def test_a_refusal_repeats_neither_token_nor_claims(world: TenantWorld) -> None:
    for token in (signed(aud="hunter2"), signed(exp=NOW - 99), _changed(), "hunter2.hunter2.hunter2"):
        text = ask(world, token).text
        assert "hunter2" not in text
        assert token.split(".")[2][:20] not in text


def test_keys_are_read_again_when_the_file_changes(world: TenantWorld) -> None:
    file = world.home / "issuer" / "issuers.json"
    before = file.read_text()
    try:
        token = signed()
        assert ask(world, token).status_code == 200
        write_private(file, json.dumps({"http://stranger": json.loads(before)["http://stranger"]}))
        problem(ask(world, token), 401, "token-refused")
        write_private(file, "{nonsense")
        problem(ask(world, token), 503, "misconfigured")
    finally:
        write_private(file, before)
    assert ask(world, token).status_code == 200


def permissions(dependant: Dependant) -> Iterator[str]:
    if (permission := getattr(dependant.call, "permission", None)) is not None:
        yield permission
    for inner in dependant.dependencies:
        yield from permissions(inner)


def test_every_route_is_open_on_purpose_or_asks_for_exactly_one_permission(world: TenantWorld) -> None:
    used = set()
    for route in iter_route_contexts(world.client.app.routes):
        dependant = getattr(route, "dependant", None) or getattr(route.original_route, "dependant", None)
        asked = list(permissions(dependant)) if dependant else []
        if route.path in OPEN:
            assert asked == [], route.path
        else:
            assert len(asked) == 1, (route.path, asked)
            used |= set(asked)
    assert used == PERMISSIONS.keys()


def test_no_closed_route_answers_a_stranger(world: TenantWorld) -> None:
    """Asked over HTTP, so that it does not matter how the application is put together."""
    for route in iter_route_contexts(world.client.app.routes):
        for method in route.methods or ():
            path = (route.path or "").replace("{path:path}", "x").replace("{name:path}", "x")
            answer = world.client.request(method, path.format(reference="x", run_id="x", name="x", version="x"))
            assert (answer.status_code == 401) == (route.path not in OPEN), f"{method} {path}: {answer.status_code}"


def test_roles_may_what_the_guide_says() -> None:
    anybody = EXPECTED["viewer"]
    allowed = {role.value: {name for name, roles in PERMISSIONS.items() if role in roles} for role in Role}
    assert allowed == {role: extra | anybody for role, extra in EXPECTED.items()}


def test_nobody_who_asks_for_a_run_may_alone_also_decide() -> None:
    """The one role that may do both is the admin, and nobody decides on a request of their own."""
    both = PERMISSIONS["runs.request"] & PERMISSIONS["runs.decide"]
    assert both == {Role.TENANT_ADMIN}
