from __future__ import annotations

import re
from collections.abc import Iterator

from atom.gate.rule import Objection, Rule, Severity
from atom.gate.scopes import Call, KubernetesRight, Manifest, Script
from atom.package.model import Effect

_KINDS = {"clusterrole", "clusterrolebinding"}
_COMMAND_END = re.compile(r"[\n;|&]")
_WORDS = (
    re.compile(r"\b(?:kubectl|oc)\b"),
    re.compile(r"\b(?:create|apply|patch|edit|replace|delete|set|annotate|label)\b"),
    re.compile(r"\bclusterrole(?:binding)?s?\b", re.IGNORECASE),
)

RULE = Rule(
    id="WPK201",
    name="cluster-role-change",
    severity=Severity.CRITICAL,
    scope=(Manifest, KubernetesRight, Call, Script),
    why="Who changes a ClusterRole or ClusterRoleBinding decides what everybody may do in the whole cluster.",
    remedy="Use a Role and RoleBinding in one namespace; leave cluster roles to the platform's own delivery.",
    sources=("Kubernetes RBAC good practices: escalation through role and binding changes",),
    bad=(
        "manifest: {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: x}}",
        "spec: {permissions: {kubernetes: [{apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], "
        "verbs: [get, patch], namespaces: []}]}}",
        "step: {uses: k8s.patch@v1, with: {kind: ClusterRole, name: viewer, patch: {}}}",
        "script: kubectl create clusterrolebinding x --clusterrole=cluster-admin --user=me",
    ),
    good=(
        "manifest: {apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: x, namespace: shop}}",
        "spec: {permissions: {kubernetes: [{apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], "
        "verbs: [get, list], namespaces: []}]}}",
        "step: {uses: k8s.workload.get@v1, effect: read, with: {kind: ClusterRole, name: viewer}}",
        "script: kubectl get clusterroles",
    ),
)


@RULE.check
def cluster_role(view: Manifest | KubernetesRight | Call | Script) -> Iterator[Objection]:
    match view:
        case Manifest() if view.kind.lower() in _KINDS:
            yield RULE.finding(f"{view.pointer}/kind", f"the step carries a {view.kind}")
        case KubernetesRight():
            resources = {resource.lower().split("/")[0].removesuffix("s") for resource in view.body["resources"]}
            named = sorted(resources & _KINDS)
            writes = sorted(set(view.body["verbs"]) - {"get", "list", "watch"})
            if named and writes:
                yield RULE.finding(f"{view.pointer}/resources", f"asks to {', '.join(writes)} {', '.join(named)}")
        case Call() if view.effect is not Effect.READ:
            pointer, arguments = view.arguments
            kind = arguments.get("kind")
            if isinstance(kind, str) and kind.lower() in _KINDS and not {"apiVersion", "metadata"} & arguments.keys():
                yield RULE.finding(f"{pointer}/kind", f"{view.uses} changes a {kind}")
        case Script():
            for command in _COMMAND_END.split(view.text):
                if all(word.search(command) for word in _WORDS):
                    yield RULE.finding(view.pointer, f"the command changes cluster roles: {command.strip()[:120]}")
