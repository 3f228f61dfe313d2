"""Vault or OpenBao: reads secrets by reference, and nothing else.

A reference is `vault://<mount>/<path>` (all fields) or `vault://<mount>/<path>#<field>` (one), KV version 2.
"""

from __future__ import annotations

import re
import threading
from typing import Any

import hvac
import requests
from hvac.exceptions import Forbidden, InvalidPath, VaultError
from pydantic import SecretStr

from atom.errors import Misconfigured
from atom.settings import Settings
from atom.store.errors import SecretMissing, VaultUnavailable

_REFERENCE = re.compile(r"vault://(?P<mount>[a-z0-9_-]+)/(?P<path>[A-Za-z0-9/_-]+?)(?:#(?P<field>[A-Za-z0-9_]+))?")
_SECONDS = 10


class ReferenceMalformed(Misconfigured):
    """A Vault reference is not one."""

    def __init__(self, reference: str) -> None:
        super().__init__(
            expected="vault://mount/path or vault://mount/path#field",
            found=repr(reference),
            remedy="correct the *_REF setting",
        )


class Vault:
    """Logs in on first use, by token or AppRole, and again when the token has run out."""

    def __init__(
        self, address: str, *, token: SecretStr | None, role_id: str | None, secret_id: SecretStr | None
    ) -> None:
        self.address = address
        self._token, self._role_id, self._secret_id = token, role_id, secret_id
        self._lock = threading.Lock()
        self._made: hvac.Client | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Vault | None:
        """None where no VAULT_ADDR is set."""
        if settings.vault_addr is None:
            return None
        return cls(
            settings.vault_addr,
            token=settings.vault_token,
            role_id=settings.vault_role_id,
            secret_id=settings.vault_secret_id,
        )

    def read(self, reference: str) -> SecretStr:
        """The one field that `reference` names. Raises SecretMissing, ReferenceMalformed, VaultUnavailable."""
        fields = self.read_all(reference)
        field = reference.rpartition("#")[2]
        if "#" not in reference:
            raise ReferenceMalformed(reference)
        if field not in fields:
            raise SecretMissing(reference, f"a secret without the field {field}")
        return fields[field]

    def read_all(self, reference: str) -> dict[str, SecretStr]:
        """Every field of the secret, whatever field the reference names."""
        match = _REFERENCE.fullmatch(reference)
        if match is None:
            raise ReferenceMalformed(reference)
        try:
            answer = self._read(match["mount"], match["path"])
        except InvalidPath as error:
            raise SecretMissing(reference, "no secret at that path") from error
        except Forbidden as error:
            raise SecretMissing(reference, "permission denied") from error
        except (VaultError, requests.RequestException) as error:
            raise VaultUnavailable(self.address, error) from error
        return {name: SecretStr(str(value)) for name, value in answer["data"]["data"].items()}

    def _read(self, mount: str, path: str) -> dict[str, Any]:
        try:
            return self._kv(mount, path)
        except Forbidden:
            if self._role_id is None:
                raise
            with self._lock:  # an AppRole token ends; log in again once before believing the refusal
                self._made = None
            return self._kv(mount, path)

    def _kv(self, mount: str, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._client().secrets.kv.v2.read_secret_version(
            path=path, mount_point=mount, raise_on_deleted_version=True
        )
        return answer

    def _client(self) -> hvac.Client:
        with self._lock:
            if self._made is None:
                client = hvac.Client(url=self.address, timeout=_SECONDS)
                if self._token is not None:
                    client.token = self._token.get_secret_value()
                elif self._role_id is not None and self._secret_id is not None:
                    client.auth.approle.login(self._role_id, self._secret_id.get_secret_value())
                else:
                    raise Misconfigured(
                        expected="VAULT_TOKEN, or VAULT_ROLE_ID and VAULT_SECRET_ID, beside VAULT_ADDR",
                        found="neither",
                        remedy="set one of the two logins",
                    )
                self._made = client
            return self._made
