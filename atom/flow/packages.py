"""The packages of a tenant, as they were signed: found by reference, fetched by digest, judged by the present rules."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from threading import Lock

from atom.flow.errors import UnknownWorkflow
from atom.gate.verdict import Verdict, judge, ruleset_digest
from atom.package.loader import load_package
from atom.package.model import Package
from atom.runtime.actions import known_actions
from atom.store import keys, verdicts, workflows
from atom.store.database import Transaction, new_id
from atom.store.objects import Objects
from atom.store.workflows import Workflow
from atom.trust.policy import TrustedKey, TrustPolicy

_REMEMBERED = 64  # parsed packages; they never change, and one is ≈ 100 KiB


class Packages:
    """Reads packages from the object store. Safe for several threads."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._parsed: OrderedDict[str, Package] = OrderedDict()
        self._lock = Lock()

    def load(self, workflow: Workflow) -> Package:
        """The parsed package; its bytes are checked against the digest in the row.

        Raises ObjectMissing, ObjectStoreUnavailable, ObjectDiffers.
        """
        with self._lock:
            if workflow.digest in self._parsed:
                self._parsed.move_to_end(workflow.digest)
                return self._parsed[workflow.digest]
        package = load_package(self.read(workflow))
        with self._lock:
            self._parsed[workflow.digest] = package
            while len(self._parsed) > _REMEMBERED:
                self._parsed.popitem(last=False)
        return package

    def read(self, workflow: Workflow) -> bytes:
        """The signed bytes, fetched anew. Raises what `load` raises."""
        return self._objects.get_exactly(workflow.object_key, workflow.digest)


def find(tx: Transaction, reference: str) -> Workflow:
    """By id, by `name@version`, or the newest version of a name. Raises UnknownWorkflow."""
    name, _, version = reference.partition("@")
    try:
        found = workflows.by_id(tx, uuid.UUID(reference))
    except ValueError:
        found = workflows.by_version(tx, name, version) if version else workflows.latest(tx, name)
    if found is None:
        raise UnknownWorkflow(reference)
    return found


def verdict_on(tx: Transaction, package: Package) -> Verdict:
    """The verdict of the present ruleset: remembered by package and ruleset digest, else made and kept."""
    actions = known_actions()
    known = verdicts.find(tx, package.digest, ruleset_digest(actions))
    if known is not None:
        return Verdict.from_dict(known)
    verdict = judge(package, actions)
    verdicts.keep(tx, new_id(), verdict.digest, verdict.as_dict())
    return verdict


def trust_policy(tx: Transaction) -> TrustPolicy:
    """Whose signatures the tenant accepts, now."""
    return TrustPolicy(
        keys=tuple(
            TrustedKey(
                name=key.name,
                pem=key.pem,
                not_before=key.not_before,
                not_after=key.not_after,
                revoked_at=key.revoked_at,
                package_pattern=key.package_pattern,
            )
            for key in keys.every(tx)
        )
    )
