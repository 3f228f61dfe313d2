"""Who may run it, and what a run does."""

from __future__ import annotations

import json
from typing import Any

from atomctl.demo.scene import RESTART, SCALE, Scene, until_finished
from atomctl.demo.story import Step
from atomctl.watching import step_line

_RESTART = {"namespace": "shop", "deployment": "cart"}
_SCALE = {"namespace": "shop", "deployment": "payments", "targetP95Ms": 500}


def tell(scene: Scene) -> None:
    second_person_approves(scene)
    what_does_not_help_is_taken_back(scene)


def second_person_approves(scene: Scene) -> None:
    with scene.story.step("A run is asked for, approved by somebody else, carried out and verified") as step:
        reference = scene.references[RESTART]
        step.asks(
            f"POST /workflows/{reference}/runs  {json.dumps(_RESTART)}",
            f"atomctl run {reference} {_options(_RESTART)} --as bob",
        )
        run = scene.people.bob.post(f"/workflows/{reference}/runs", {"parameters": _RESTART})
        step.answer(f"201 run {run['id']} · {run['status']} · requested by {run['requested_by']}")
        step.holds("it waits for a second person", run["status"] == "pending_approval")
        step.asks(
            f"POST /runs/{run['id']}/approve  (bob, who is an approver, too)", f"atomctl approve {run['id']} --as bob"
        )
        step.refused(403, lambda: scene.people.bob.post(f"/runs/{run['id']}/approve"))
        step.asks(f"POST /runs/{run['id']}/approve", f"atomctl approve {run['id']} --as carol")
        body = {"reason": "cart is crash-looping", "verdict_digest": run["verdict_digest"]}
        approved = scene.people.carol.post(f"/runs/{run['id']}/approve", body)
        step.answer(f"200 {approved['status']} · approved by {approved['approved_by']}")
        step.asks(f"GET /runs/{run['id']}", f"atomctl watch {run['id']}")
        scene.finished = _carried_out(scene, step, run["id"])
        step.holds(
            "carried out by Dagster and verified: succeeded, resolved",
            (scene.finished["status"], scene.finished["outcome"]) == ("succeeded", "resolved"),
        )
        step.holds("asked for by bob, approved by carol", scene.finished["approved_by"] == "carol")


def what_does_not_help_is_taken_back(scene: Scene) -> None:
    with scene.story.step("A change that does not help is rolled back") as step:
        reference = scene.references[SCALE]
        step.asks(
            f"POST /workflows/{reference}/runs  {json.dumps(_SCALE)}",
            f"atomctl run {reference} {_options(_SCALE)} --wait --as bob",
        )
        run = scene.people.bob.post(f"/workflows/{reference}/runs", {"parameters": _SCALE})
        step.answer(f"201 run {run['id']} · {run['status']} (safe, hence automatic)")
        ended = _carried_out(scene, step, run["id"])
        step.holds("verification failed, and the old size is back", ended["status"] == "rolled_back")


def _carried_out(scene: Scene, step: Step, run_id: str) -> dict[str, Any]:
    with scene.story.out.busy(f"Dagster carries out run {run_id}"):
        run = until_finished(scene.people.bob, run_id)
    for one in run["steps"]:
        step.answer(step_line(one))
    step.answer(
        f"{run['status']}, {run['outcome']} · on {run['cluster'].partition(':')[0]} · Dagster run {run['dagster_run_id']}"
    )
    return run


def _options(parameters: dict[str, Any]) -> str:
    return " ".join(f"-p {name}={value}" for name, value in parameters.items())
