"""How a package comes in: signed, parsed, judged and stored, or refused and quarantined."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from atom.errors import AtomError
from atom.flow.errors import UploadRefused, VersionTaken
from atom.flow.packages import find, trust_policy, verdict_on
from atom.gate.verdict import Verdict
from atom.package.digests import package_digest
from atom.package.loader import load_package
from atom.package.model import Package
from atom.store import audit, quarantine, workflows
from atom.store.database import Database, new_id
from atom.store.objects import Objects
from atom.store.quarantine import QuarantinedUpload
from atom.store.workflows import Workflow
from atom.trust.verify import Verification, verify_signature

_QUARANTINE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Upload:
    """`created` is False where the very same bytes had been admitted before."""

    workflow: Workflow
    verdict: Verdict
    created: bool


class Admission:
    def __init__(self, database: Database, objects: Objects) -> None:
        self._database = database
        self._objects = objects

    def upload(self, tenant: uuid.UUID, by: str, data: bytes, material: bytes) -> Upload:
        """Admits `data` if `material` proves that a trusted key signed exactly these bytes. `material` may be empty.

        1. The signature is verified against the tenant's trusted keys, before anything looks into the bytes.
        2. The bytes are parsed strictly; the key must be allowed to sign packages of that name.
        3. The name and version must be new, or stand for the same bytes.
        4. The gate gives its verdict. An unsafe package is kept, but will not run.
        5. The bytes go to the object store under their digest.
        6. The row, the verdict and the audit record are written in one transaction.

        Raises UploadRefused (the first cause, and where the bytes are quarantined), VersionTaken.
        """
        digest = package_digest(data)
        with self._database.transaction(tenant) as tx:
            policy = trust_policy(tx)
        received = datetime.now(UTC)
        try:
            verification = verify_signature(data, material, policy, None, received)
            package = load_package(data)
            verification.require_scope(package.name)
        except AtomError as cause:
            raise self._refuse(tenant, by, data, digest, cause) from cause
        with self._database.transaction(tenant) as tx:
            there = workflows.by_version(tx, package.name, package.version)
            if there is not None:
                return Upload(_same(there, digest), verdict_on(tx, package), created=False)
        key = f"packages/{tenant}/{digest.removeprefix('sha256:')}"
        self._objects.put(key, data)
        return self._admit(tenant, by, package, verification, key, received)

    def revoke(self, tenant: uuid.UUID, by: str, reference: str) -> Workflow:
        """Ends a version: it does not run any more. Revoking twice changes nothing. Raises UnknownWorkflow."""
        with self._database.transaction(tenant) as tx:
            workflow = find(tx, reference)
            if workflows.revoke(tx, workflow.id):
                package = f"{workflow.name}@{workflow.version}"
                audit.record(tx, "workflow.revoked", {"by": by, "package": package, "packageDigest": workflow.digest})
            return find(tx, str(workflow.id))

    def _admit(
        self, tenant: uuid.UUID, by: str, package: Package, verification: Verification, key: str, received: datetime
    ) -> Upload:
        workflow = Workflow(
            id=new_id(),
            name=package.name,
            version=package.version,
            digest=package.digest,
            title=package.document.metadata.title,
            size=len(package.data),
            object_key=key,
            signer=verification.signer,
            sig_kind=verification.kind,
            key_id=verification.key_id,
            sig_time=verification.sig_time,
            cosign_blob=verification.blob,
            published_by=by,
            received_at=received,
            revoked_at=None,
        )
        with self._database.transaction(tenant) as tx:
            verdict = verdict_on(tx, package)
            if not workflows.insert(tx, workflow):  # somebody was faster between our look and here
                there = workflows.by_version(tx, package.name, package.version)
                assert there is not None  # the digest covers name and version, so this is what was in the way
                return Upload(_same(there, package.digest), verdict, created=False)
            audit.record(
                tx,
                "upload.accepted",
                {
                    "by": by,
                    "package": f"{package.name}@{package.version}",
                    "packageDigest": package.digest,
                    "signature": {
                        "signer": verification.signer,
                        "kind": verification.kind,
                        "keyId": verification.key_id,
                    },
                    "policy": {"verdictDigest": verdict.digest, "score": verdict.score, "risk": verdict.risk},
                },
            )
        return Upload(workflow, verdict, created=True)

    def _refuse(self, tenant: uuid.UUID, by: str, data: bytes, digest: str, cause: AtomError) -> UploadRefused:
        upload_id = new_id()
        key = f"quarantine/{tenant}/{upload_id}"
        self._objects.put(key, data)
        upload = QuarantinedUpload(
            id=upload_id,
            digest=digest,
            size=len(data),
            object_key=key,
            problem=cause.as_dict(),
            uploaded_by=by,
            expires_at=datetime.now(UTC) + _QUARANTINE,
        )
        with self._database.transaction(tenant) as tx:
            quarantine.add(tx, upload)
            audit.record(
                tx,
                "upload.refused",
                {"by": by, "packageDigest": digest, "quarantineId": str(upload_id), "problem": cause.as_dict()},
            )
        return UploadRefused(cause, upload_id)


def _same(there: Workflow, digest: str) -> Workflow:
    if there.digest != digest:
        raise VersionTaken(there.name, there.version, there.digest, digest)
    return there
