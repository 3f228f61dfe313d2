"""What the routes call, made once. `from_settings` is the composition; tests hand in their own parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from atom.flow.parts import Parts
from atom.settings import Settings
from atom.store.connect import SettingMissing
from atom.store.vault import Vault
from registry_api.auth import Authenticator, Issuers
from registry_api.dagster import Dagster


@dataclass(frozen=True)
class Services:
    parts: Parts
    dagster: Dagster
    authenticator: Authenticator

    @classmethod
    def from_settings(cls, settings: Settings) -> Services:
        """Opens nothing yet. Raises SettingMissing where nobody could ever log in."""
        if settings.issuers_file is None:
            raise SettingMissing("token issuers", "ATOM_ISSUERS_FILE")
        parts = Parts.from_settings(settings, Vault.from_settings(settings))
        return cls(
            parts=parts,
            dagster=Dagster(settings.dagster_url, parts.launching),
            authenticator=Authenticator(parts.database, Issuers(settings.issuers_file)),
        )

    def close(self) -> None:
        self.dagster.close()
        self.parts.close()


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _parts(services: Annotated[Services, Depends(_services)]) -> Parts:
    return services.parts


FromParts = Annotated[Parts, Depends(_parts)]
FromServices = Annotated[Services, Depends(_services)]
