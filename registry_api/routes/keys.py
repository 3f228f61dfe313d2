"""The keys that a tenant accepts signatures from."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field

from atom.store.keys import KeyRow
from atom.trust.policy import TrustedKey
from registry_api.auth import Caller, allowed
from registry_api.services import FromParts

router = APIRouter(prefix="/keys", tags=["keys"])


class NewKey(BaseModel):
    """A public key (PEM). `package_pattern` is a shell pattern over the names of packages that it may sign."""

    name: str = Field(min_length=1, max_length=120)
    pem: str = Field(max_length=16384)
    package_pattern: str = Field("*", min_length=1, max_length=120)
    not_before: AwareDatetime | None = None
    not_after: AwareDatetime | None = None

    def trusted(self) -> TrustedKey:
        """Raises an error of atom.trust if the PEM is no public key that Atom verifies with."""
        before: datetime | None = self.not_before
        return TrustedKey(self.name, self.pem, before, self.not_after, package_pattern=self.package_pattern)


def key_view(key: KeyRow) -> dict[str, Any]:
    return asdict(key)


@router.get("", summary="Trusted keys")
def list_keys(parts: FromParts, caller: Annotated[Caller, allowed("keys.read")]) -> dict[str, Any]:
    return {"items": [key_view(key) for key in parts.keys.every(caller.tenant)], "next": None}


@router.post("", status_code=201, summary="Trust a key")
def add_key(parts: FromParts, caller: Annotated[Caller, allowed("keys.manage")], key: NewKey) -> dict[str, Any]:
    return key_view(parts.keys.add(caller.tenant, caller.subject, key.trusted()))


@router.delete("/{name:path}", summary="Revoke a key: nothing that it signed runs any more")
def revoke_key(parts: FromParts, caller: Annotated[Caller, allowed("keys.manage")], name: str) -> dict[str, Any]:
    return key_view(parts.keys.revoke(caller.tenant, caller.subject, name))
