"""Everything that carries the way of a package and of a run, made from settings. Making it does no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from atom.dataset.embedder import Embedder, choose_embedder
from atom.evidence.sealer import Sealer
from atom.flow.admission import Admission
from atom.flow.execution import Execution
from atom.flow.keys import Keys
from atom.flow.launching import Launching
from atom.flow.learning import Learning
from atom.flow.packages import Packages
from atom.flow.reconcile import Reconciler
from atom.flow.requests import Requests
from atom.runtime.connect import connect
from atom.settings import Settings
from atom.store.connect import connect_database, connect_objects, connect_vectors, dataset_key
from atom.store.database import Database
from atom.store.objects import Objects
from atom.store.vault import Vault
from atom.store.vectors import Vectors


@dataclass(frozen=True)
class Parts:
    database: Database
    objects: Objects
    packages: Packages
    admission: Admission
    requests: Requests
    keys: Keys
    launching: Launching
    reconciler: Reconciler
    sealer: Sealer
    execution: Execution
    learning: Learning

    @classmethod
    def from_settings(cls, settings: Settings, vault: Vault | None) -> Parts:
        """What is missing in the settings is told by the first call that needs it."""
        database = connect_database(settings, vault)
        objects = connect_objects(settings, vault)
        packages = Packages(objects)
        sealer = Sealer(database, objects, retention=timedelta(days=settings.audit_retention_days))

        @cache
        def vectors() -> Vectors:
            return connect_vectors(settings)

        @cache
        def embedder() -> Embedder:
            return choose_embedder(settings)[0]

        return cls(
            database=database,
            objects=objects,
            packages=packages,
            admission=Admission(database, objects),
            requests=Requests(database, packages),
            keys=Keys(database),
            launching=Launching(database),
            reconciler=Reconciler(database),
            sealer=sealer,
            execution=Execution(database, packages, sealer, lambda: connect(settings)),
            learning=Learning(
                database,
                objects,
                packages,
                vectors=vectors,
                embedder=embedder,
                key=lambda: dataset_key(settings, vault),
            ),
        )

    def close(self) -> None:
        self.database.close()
        self.objects.close()
