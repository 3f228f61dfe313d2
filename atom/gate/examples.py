"""Makes a whole package from a rule's example.

An example is a YAML mapping with one key that says where its value belongs: `pod` (a pod specification), `manifest`
(a Kubernetes object), `script` (shell text), `step` (merged into the one step) or `spec` (merged into the spec).
"""

from __future__ import annotations

import json
from typing import Any

from atom.gate.rule import Rule
from atom.gate.scopes import views
from atom.package.guard import read_yaml
from atom.package.loader import load_package
from atom.package.model import Effect, Package

ACTIONS = {
    "k8s.apply@v1": Effect.WRITE,
    "shell.run@v1": Effect.WRITE,
    "http.request@v1": Effect.WRITE,
    "k8s.workload.get@v1": Effect.READ,
    "k8s.workload.scale@v1": Effect.WRITE,
}


def example_package(text: str) -> Package:
    """A package that is clean but for what the example adds. Raises what `load_package` raises."""
    example: dict[str, Any] = read_yaml(text.encode()).tree
    ((where, value),) = example.items()
    step: dict[str, Any] = {"id": "act", "uses": "k8s.apply@v1", "effect": "write"}
    spec: dict[str, Any] = {}
    if where == "pod":
        step["with"] = {"podSpec": value}
    elif where == "manifest":
        step["with"] = {"manifest": value}
    elif where == "script":
        step |= {"uses": "shell.run@v1", "with": {"script": value}}
    elif where == "step":
        step |= value
    else:
        spec = value
    return load_package(json.dumps(_document(step, spec), ensure_ascii=False).encode())


def objections(rule: Rule, package: Package) -> list[str]:
    """The messages of one rule about an example package."""
    return [objection.message for view in views(package, ACTIONS) for objection in rule.judge(view)]


def _document(step: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "wpk.atom/v1",
        "kind": "WorkflowPackage",
        "metadata": {"name": "example", "version": "1.0.0"},
        "spec": {
            "parameters": {"type": "object", "additionalProperties": False},
            "permissions": {},
            "steps": [step],
            "verify": [{"id": "check", "uses": "k8s.workload.get@v1", "expect": "result.status.readyReplicas > 0"}],
            "rollback": {"strategy": "steps", "steps": [{"id": "undo", "uses": "k8s.workload.scale@v1"}]},
            "risk": {"declared": "low", "reversibility": "reversible", "blastRadius": "workload"},
            **spec,
        },
    }
