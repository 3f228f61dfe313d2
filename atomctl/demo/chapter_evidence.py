"""What an auditor can prove without us."""

from __future__ import annotations

import json
from typing import Any

from atom.errors import AtomError
from atom.evidence.offline import verify_file
from atomctl import files
from atomctl.demo.scene import Scene


def tell(scene: Scene) -> None:
    with scene.story.step("Evidence is fetched and checked offline; one flipped byte is found out") as step:
        run_id = scene.finished["id"]
        step.answer(f"the record is at {scene.finished['immutable_log_path']}")
        step.asks(f"GET /runs/{run_id}/evidence", f"atomctl evidence get {run_id} -o evidence.json --as erin")
        evidence: dict[str, Any] = scene.people.erin.get(f"/runs/{run_id}/evidence")
        data = json.dumps(evidence, indent=1).encode()
        files.write(scene.folder / "evidence.json", data)
        step.asks(
            "no request: nothing but the file", f"atomctl evidence verify evidence.json --key alice-{scene.stamp}.pub"
        )
        proof = verify_file(data, public_key=scene.public_key)
        for sentence in proof.proved:
            step.answer(sentence)
        step.holds("proved with alice's public key, without the registry", bool(proof.proved))
        step.answer("… and with one byte of the last record flipped:")
        step.holds("the change is found out", _found_out(step.answer, _flipped(data, evidence), scene.public_key))


def _flipped(data: bytes, evidence: dict[str, Any]) -> bytes:
    """`data` with one character changed in the middle of the last record's bytes."""
    record = evidence["records"][-1]["bytes"].encode()
    at = data.index(record) + len(record) // 2
    return data[:at] + (b"A" if data[at : at + 1] != b"A" else b"B") + data[at + 1 :]


def _found_out(answer: Any, data: bytes, public_key: str) -> bool:
    try:
        verify_file(data, public_key=public_key)
    except AtomError as error:
        answer(f"{error.code}: {error}")
        return True
    return False
