"""What the routes call, made once. `from_settings` is the composition; tests hand in their own parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from atom.dataset.embedder import Embedder, choose_embedder
from atom.flow.admission import Admission
from atom.flow.keys import Keys
from atom.flow.launching import Launching
from atom.flow.packages import Packages
from atom.flow.requests import Requests
from atom.settings import Settings
from atom.store.connect import SettingMissing, connect_database, connect_objects, connect_vectors
from atom.store.database import Database
from atom.store.objects import Objects
from atom.store.vault import Vault
from atom.store.vectors import Vectors
from registry_api.auth import Authenticator, Issuers
from registry_api.dagster import Dagster


@dataclass(frozen=True)
class Services:
    settings: Settings
    database: Database
    objects: Objects
    vectors: Vectors
    packages: Packages
    admission: Admission
    requests: Requests
    keys: Keys
    launching: Launching
    dagster: Dagster
    authenticator: Authenticator

    @classmethod
    def from_settings(cls, settings: Settings) -> Services:
        """Opens nothing yet, but for Vault where settings refer to it. Raises Misconfigured, VaultUnavailable."""
        if settings.issuers_file is None:
            raise SettingMissing("token issuers", "ATOM_ISSUERS_FILE")
        vault = Vault.from_settings(settings)
        database = connect_database(settings, vault)
        objects = connect_objects(settings, vault)
        packages = Packages(objects)
        launching = Launching(database)
        return cls(
            settings=settings,
            database=database,
            objects=objects,
            vectors=connect_vectors(settings),
            packages=packages,
            admission=Admission(database, objects),
            requests=Requests(database, packages),
            keys=Keys(database),
            launching=launching,
            dagster=Dagster(settings.dagster_url, launching),
            authenticator=Authenticator(database, Issuers(settings.issuers_file)),
        )

    def embedder(self) -> Embedder:
        """Loaded when the first search needs it: a second and 90 MB that most registries never spend."""
        return choose_embedder(self.settings)[0]

    def close(self) -> None:
        self.dagster.close()
        self.vectors.close()
        self.database.close()
        self.objects.close()


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Parts = Annotated[Services, Depends(_services)]
