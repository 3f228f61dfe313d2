from __future__ import annotations

from collections.abc import Iterator

from atom.gate.rule import Objection, Rule, Severity
from atom.gate.scopes import Manifest, PodSpec, mapping

RULE = Rule(
    id="WPK101",
    name="host-path-volume",
    severity=Severity.CRITICAL,
    scope=(PodSpec, Manifest),
    why="A hostPath volume hands the node's own files, and with them often the node, to a container.",
    remedy="Use a PersistentVolumeClaim, an emptyDir for scratch space, or read logs through the Kubernetes API.",
    sources=("Kubernetes Pod Security Standards, baseline: HostPath Volumes",),
    bad=(
        "pod: {volumes: [{name: logs, hostPath: {path: /var/log}}], containers: []}",
        "manifest: {apiVersion: batch/v1, kind: CronJob, spec: {jobTemplate: {spec: {template: {spec: "
        "{containers: [], volumes: [{name: sock, hostPath: {path: /run/containerd/containerd.sock}}]}}}}}}",
        "manifest: {apiVersion: v1, kind: PersistentVolume, spec: {hostPath: {path: /data}}}",
    ),
    good=(
        "pod: {volumes: [{name: scratch, emptyDir: {}}], containers: []}",
        "manifest: {apiVersion: v1, kind: PersistentVolume, spec: {nfs: {server: files, path: /data}}}",
    ),
)


@RULE.check
def host_path(view: PodSpec | Manifest) -> Iterator[Objection]:
    if isinstance(view, PodSpec):
        for at, volume in view.volumes():
            if "hostPath" in volume:
                path = mapping(volume["hostPath"]).get("path", "a path")
                yield RULE.finding(f"{at}/hostPath", f"volume {volume.get('name', '')} mounts {path} of the node")
    elif view.kind == "PersistentVolume" and "hostPath" in mapping(view.body.get("spec")):
        yield RULE.finding(f"{view.pointer}/spec/hostPath", "the persistent volume is a folder of the node")
