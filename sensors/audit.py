"""The sealer's clock: whatever was decided reaches the object store within seconds."""

import dagster as dg

from atom.evidence.sealer import Sealer
from atom.flow.launching import JOB
from atom.store.database import Database
from atom.store.errors import ObjectDiffers


@dg.sensor(
    job_name=JOB,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Seals waiting audit records into the object store.",
)
def audit_outbox(database: dg.ResourceParam[Database], sealer: dg.ResourceParam[Sealer]) -> dg.SkipReason:
    """Seals every tenant's waiting audit records, a batch a tick. Runs seal their own end; this takes all the rest."""
    sealed: dict[str, int] = {}
    contested: ObjectDiffers | None = None
    for tenant in database.tenants():
        try:
            sealed[tenant.name] = sealer.seal(tenant.id)
        except ObjectDiffers as error:  # one tenant's quarrel; the others' records go on
            contested = contested or error
    if contested is not None:
        raise contested
    told = ", ".join(f"{count} of {name}" for name, count in sealed.items() if count)
    return dg.SkipReason(f"Sealed {told}." if told else "Nothing waits to be sealed.")
