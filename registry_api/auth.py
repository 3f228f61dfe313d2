"""Who is asking, in which tenant, and may they: bearer tokens (JWT, RFC 7519) and one table of permissions."""

from __future__ import annotations

import base64
import json
import time
import uuid
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeGuard

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from atom.errors import Forbidden, Misconfigured, Unauthenticated
from atom.store.database import Database

AUDIENCE = "atom"
_ALGORITHMS = ["ES256", "EdDSA", "RS256"]  # pinned: never what a token's own header proposes
_MAX_TOKEN = 8192  # characters
_TENANT_SECONDS = 60  # for so long is an answer of tenant_issuers believed
_LEEWAY = 30  # seconds between clocks


class Role(StrEnum):
    VIEWER = "viewer"
    PUBLISHER = "publisher"
    OPERATOR = "operator"
    APPROVER = "approver"
    AUDITOR = "auditor"
    TENANT_ADMIN = "tenant-admin"


_ANYBODY = frozenset(Role)
PERMISSIONS: dict[str, frozenset[Role]] = {
    "workflows.read": _ANYBODY,
    "workflows.upload": frozenset({Role.PUBLISHER, Role.TENANT_ADMIN}),
    "workflows.revoke": frozenset({Role.TENANT_ADMIN}),
    "runs.read": _ANYBODY,
    "runs.request": frozenset({Role.OPERATOR, Role.TENANT_ADMIN}),
    "runs.decide": frozenset({Role.APPROVER, Role.TENANT_ADMIN}),
    "runs.cancel": frozenset({Role.OPERATOR, Role.APPROVER, Role.TENANT_ADMIN}),
    "evidence.read": _ANYBODY,
    "keys.read": _ANYBODY,
    "keys.manage": frozenset({Role.TENANT_ADMIN}),
    "learning.read": _ANYBODY,
}


class TokenRefused(Unauthenticated):
    """The bearer token is missing or does not hold."""

    def __init__(self, found: str) -> None:
        super().__init__(
            expected=f"Authorization: Bearer <JWT for audience {AUDIENCE} by a registered issuer>",
            found=found,
            remedy="get a new token (on one machine: `atomctl token`)",
        )


class RoleMissing(Forbidden):
    """None of your roles allows this."""

    def __init__(self, permission: str, roles: frozenset[Role]) -> None:
        wanted = ", ".join(sorted(PERMISSIONS[permission]))
        super().__init__(
            expected=f"one of the roles {wanted}",
            found=", ".join(sorted(roles)) or "no role",
            remedy="ask your tenant's admin for the role, or somebody who has it to do this",
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """One authenticated person or service in one tenant."""

    tenant: uuid.UUID
    subject: str
    roles: frozenset[Role]


class Issuers:
    """Token issuers and their keys, from a JSON file {issuer: JWKS}, read again when it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keys(self, issuer: str) -> KeySet | None:
        try:
            return _read(self._path, self._path.stat().st_mtime_ns).get(issuer)
        except (OSError, ValueError, JoseError) as error:
            raise Misconfigured(
                expected=f"token issuers in {self._path.name} (ATOM_ISSUERS_FILE)",
                found=f"{type(error).__name__}",
                remedy="write {issuer URL: JWKS} there",
            ) from error


@lru_cache(maxsize=4)
def _read(path: Path, _: int) -> dict[str, KeySet]:
    return {issuer: KeySet.import_key_set(keys) for issuer, keys in json.loads(path.read_bytes()).items()}


class Authenticator:
    def __init__(self, database: Database, issuers: Issuers) -> None:
        self._database = database
        self._issuers = issuers
        self._tenants: dict[tuple[str, str], tuple[float, uuid.UUID]] = {}

    def authenticate(self, token: str) -> Caller:
        """The caller that `token` proves. Raises TokenRefused, Misconfigured, DatabaseUnavailable.

        Signature by a key of the issuer that the token names, found by `kid`; `iss`, `aud`, `sub` and `exp` required,
        `nbf` honoured; the tenant is looked up by issuer and `tenant` claim.
        """
        if len(token) > _MAX_TOKEN:
            raise TokenRefused("a token larger than 8 KiB")
        claims = self._verified(token)
        subject, claim = claims["sub"], claims.get("tenant")
        if not _is_name(subject) or not _is_name(claim):
            raise TokenRefused("a token without a usable sub or tenant")
        tenant = self._tenant(claims["iss"], claim)
        roles = claims.get("roles")
        told = roles if isinstance(roles, list) else []
        return Caller(tenant, subject, frozenset(role for role in Role if role.value in told))

    def _verified(self, token: str) -> dict[str, Any]:
        try:
            issuer = _unverified_issuer(token)
            keys = self._issuers.keys(issuer)
            if keys is None:
                raise TokenRefused("an issuer that is not registered")
            decoded = jwt.decode(token, keys, algorithms=_ALGORITHMS)
            if not decoded.header.get("kid"):
                raise TokenRefused("a token without kid")
            registry = jwt.JWTClaimsRegistry(
                now=int(time.time()),
                leeway=_LEEWAY,
                iss={"essential": True, "value": issuer},
                aud={"essential": True, "value": AUDIENCE},
                sub={"essential": True},
                exp={"essential": True},
            )
            registry.validate(decoded.claims)
        except (JoseError, ValueError, TypeError, LookupError, RecursionError) as error:
            raise TokenRefused(f"{type(error).__name__}: {str(error)[:120]}") from None
        return dict(decoded.claims)

    def _tenant(self, issuer: str, claim: str) -> uuid.UUID:
        known = self._tenants.get((issuer, claim))
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        tenant = self._database.tenant_of(issuer, claim)
        if tenant is None:
            raise TokenRefused("a tenant that this issuer may not speak for")
        self._tenants[issuer, claim] = (time.monotonic() + _TENANT_SECONDS, tenant)
        return tenant


def _is_name(claim: Any) -> TypeGuard[str]:
    """Text that can stand in a row, a log line and a header."""
    return isinstance(claim, str) and 0 < len(claim) <= 255 and claim.isprintable()


def _unverified_issuer(token: str) -> str:
    """Which issuer's keys to try; nothing else is believed before the signature is."""
    payload = token.split(".")[1]
    issuer = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["iss"]
    if not isinstance(issuer, str):
        raise TypeError("iss is no string")
    return issuer


_bearer = HTTPBearer(auto_error=False, description="JWT for audience atom")


def _caller(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Caller:
    if given is None:
        raise TokenRefused("no bearer token")
    authenticator: Authenticator = request.app.state.services.authenticator
    return authenticator.authenticate(given.credentials)


def allowed(permission: str) -> Any:
    """Dependency: the caller, once the table above allows what the route does. Raises TokenRefused, RoleMissing."""
    roles = PERMISSIONS[permission]

    def check(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
        if not caller.roles & roles:
            raise RoleMissing(permission, caller.roles)
        return caller

    check.permission = permission  # type: ignore[attr-defined]  # a test holds every route against the table
    return Depends(check)
