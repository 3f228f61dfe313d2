"""Who may bring a package in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from atom.package import load_package, pack
from atom.trust.keys import generate_key_pair, load_private_key
from atom.trust.sign import sign_bundle
from atomctl import files
from atomctl.client import Registry
from atomctl.demo.scene import PLAYBOOKS, RESTART, SCALE, Scene
from atomctl.demo.story import Step
from atomctl.signing import bundle_of

_PASSWORD = b"a demo needs no secret"
_UNSAFE = "host-path-logs"


def tell(scene: Scene) -> None:
    unsigned_is_refused(scene)
    signed_is_admitted(scene)
    tampered_is_refused(scene)
    unsafe_does_not_run(scene)


def unsigned_is_refused(scene: Scene) -> None:
    with scene.story.step("An unsigned package is refused") as step:
        playbook = PLAYBOOKS / f"{RESTART}.wpk.yaml"
        step.asks(f"POST /workflows  file={playbook.name}", f"atomctl push {_shown(playbook)} --as alice")
        refusal = step.refused(400, lambda: push(scene.people.alice, playbook, None))
        kept = refusal.problem.get("quarantine_id") if refusal else None
        step.answer(f"quarantine {kept}")
        step.holds("kept in quarantine, not in the registry", kept is not None)


def signed_is_admitted(scene: Scene) -> None:
    with scene.story.step("A key pair is made and trusted; packages are packed, signed and pushed") as step:
        key = make_key(scene, step)
        for name in (RESTART, SCALE):
            playbook = own_version(scene, PLAYBOOKS / f"{name}.wpk.yaml")
            package = freeze(scene, playbook)
            step.asks(
                f"no request: {playbook.name} is packed and signed on alice's machine",
                f"atomctl pack {playbook.name} && atomctl sign {package.name} --key {key.name}",
            )
            sign(package, key)
            step.asks(
                f"POST /workflows  file={package.name} bundle={bundle_of(package).name}",
                f"atomctl push {package.name} --as alice",
            )
            admitted = push(scene.people.alice, package, bundle_of(package))
            scene.references[name] = f"{name}@{admitted['version']}"
            verdict = admitted["verdict"]
            step.answer(f"201 {scene.references[name]} · signer {admitted['signer']} · {_told(verdict)}")
            step.holds("admitted, and the signer is alice's key", admitted["signer"] == key.stem)


def tampered_is_refused(scene: Scene) -> None:
    with scene.story.step("One changed byte, and the signature does not hold any more") as step:
        package = next(scene.folder.glob(f"{RESTART}-1*.wpk.yaml"))
        tampered = scene.folder / "tampered.wpk.yaml"
        files.write(tampered, package.read_bytes().replace(b"maximum: 5", b"maximum: 9"))
        step.asks(
            f"POST /workflows  file={tampered.name} bundle={bundle_of(package).name}  (maxPods up to 9 instead of 5)"
        )
        step.refused(400, lambda: push(scene.people.alice, tampered, bundle_of(package)))


def unsafe_does_not_run(scene: Scene) -> None:
    with scene.story.step("A signed but unsafe package is found out by its dry run, and does not run") as step:
        package = freeze(scene, own_version(scene, PLAYBOOKS / "unsafe" / f"{_UNSAFE}.wpk.yaml"))
        sign(package, scene.folder / f"alice-{scene.stamp}.key")
        reference = f"{_UNSAFE}@{push(scene.people.alice, package, bundle_of(package))['version']}"
        step.asks(f"POST /workflows/{reference}/dry-run", f"atomctl dry-run {reference}")
        verdict = scene.people.bob.post(f"/workflows/{reference}/dry-run", repeatable=True)
        step.answer(_told(verdict))
        for finding in verdict["findings"][:3]:
            step.answer(f"{finding['rule']} {finding['severity']}, line {finding['line']}: {finding['message']}")
        step.holds("the gate calls it unsafe and says where", verdict["risk"] == "unsafe" and bool(verdict["findings"]))
        step.asks(f"POST /workflows/{reference}/runs", f"atomctl run {reference} -p namespace=shop --as bob")
        body = {"parameters": {"namespace": "shop"}}
        step.refused(409, lambda: scene.people.bob.post(f"/workflows/{reference}/runs", body))


def make_key(scene: Scene, step: Step) -> Path:
    """alice's key pair in the folder, its public half trusted; returns the private key's path."""
    name = f"alice-{scene.stamp}"
    private_pem, scene.public_key = generate_key_pair(_PASSWORD)
    key = scene.folder / f"{name}.key"
    files.write(key, private_pem.encode(), mode=0o600)
    files.write(scene.folder / f"{name}.pub", scene.public_key.encode())
    step.asks(
        f"POST /keys  name={name}", f"atomctl keygen -o {name} && atomctl keys add {name}.pub --name {name} --as dora"
    )
    trusted = scene.people.dora.post("/keys", {"name": name, "pem": scene.public_key})
    step.answer(f"201 {trusted['key_id']}")
    step.holds("trusted from now on", trusted["name"] == name and trusted["revoked_at"] is None)
    return key


def own_version(scene: Scene, playbook: Path) -> Path:
    """A copy in the folder with a version that nobody has used."""
    copy = scene.folder / playbook.name
    files.write(copy, playbook.read_bytes().replace(b"version: 1.0.0", f"version: 1.0.0-{scene.stamp}".encode(), 1))
    return copy


def freeze(scene: Scene, playbook: Path) -> Path:
    """Packed into the folder, as `atomctl pack` does it."""
    data = pack(playbook)
    package = load_package(data)
    path = scene.folder / f"{package.name}-{package.version}.wpk.yaml"
    files.write(path, data)
    return path


def sign(package: Path, key: Path) -> None:
    """The bundle of `package`, beside it."""
    private = load_private_key(key.read_text(), _PASSWORD)
    files.write(bundle_of(package), sign_bundle(package.read_bytes(), private))


def push(registry: Registry, package: Path, bundle: Path | None) -> dict[str, Any]:
    parts = {"file": (package.name, package.read_bytes())}
    if bundle:
        parts["bundle"] = (bundle.name, bundle.read_bytes())
    answer: dict[str, Any] = registry.upload("/workflows", parts)
    return answer


def _told(verdict: dict[str, Any]) -> str:
    return f"{verdict['risk']}, score {verdict['score']} of 100, mode {verdict['mode']}"


def _shown(path: Path) -> str:
    return str(path.relative_to(PLAYBOOKS.parents[1]))
