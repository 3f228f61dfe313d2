"""The engine's promises, on packages of a few steps."""

from __future__ import annotations

import pytest

from atom.runtime.run import RESULT_BYTES
from atom.runtime.simulator import Simulator

WEB = {"namespace": "shop", "name": "web"}
API = {"namespace": "shop", "name": "api"}
GET = "k8s.workload.get@v1"
SCALE = "k8s.workload.scale@v1"


def scale(id_, target, to, back=None, **more):
    step = {"id": id_, "uses": SCALE, "effect": "write", "with": {**target, "replicas": to}, **more}
    return step | ({"compensate": {"uses": SCALE, "with": {**target, "replicas": back}}} if back is not None else {})


def look(id_, **more):
    return {"id": id_, "uses": GET, "with": WEB, **more}


BROKEN = look("broken", needs=["b"]) | {"with": {**WEB, "name": "missing"}}
REVERSE = {"strategy": "compensate-reverse"}


# ── order and conditions ──


def test_steps_follow_what_they_need_and_otherwise_the_file(package, run):
    steps = [look("d", needs=["c", "a"]), look("a"), look("c", needs=["b"]), look("b")]

    assert [e.id for e in run(package(steps)).outcome.steps] == ["a", "b", "c", "d", "check"]


def test_a_step_whose_condition_is_false_is_skipped_and_says_so_to_later_steps(package, run):
    steps = [
        scale("grow", WEB, 5, when="false"),
        look("then", needs=["grow"], when="steps.grow.skipped && !steps.grow.changed"),
    ]
    told = run(package(steps))

    assert told.path() == ["step:grow:skipped", "step:then:succeeded", "verify:check:succeeded"]
    assert told.outcome.outcome == "nothing_to_do"


def test_every_step_can_be_asked_whether_it_changed_something(package, run):
    steps = [scale("grow", WEB, 5), look("then", needs=["grow"], when="steps.grow.changed && !steps.grow.failed")]

    assert "step:then:succeeded" in run(package(steps)).path()


def test_a_step_that_may_fail_is_followed_by_the_next(package, run):
    steps = [look("b"), {**BROKEN, "onFailure": "continue"}, look("last", needs=["broken"], when="steps.broken.failed")]
    told = run(package(steps))

    assert told.path()[1:3] == ["step:broken:failed", "step:last:succeeded"]
    assert told.outcome.status == "succeeded"


def test_a_condition_that_is_not_a_boolean_fails_the_step(package, run):
    outcome = run(package([look("a"), look("b", needs=["a"], when="steps.a.spec.replicas")])).outcome

    assert (outcome.outcome, outcome.error["code"]) == ("step_failed", "expression-not-boolean")


def test_an_expression_about_something_missing_fails_the_step(package, run):
    outcome = run(package([look("a", when="steps.nothing.there")])).outcome

    assert (outcome.outcome, outcome.error["code"], outcome.error["step"]) == ("step_failed", "expression-failed", "a")


# ── refusals, before anything happens ──


def test_preflight_stops_at_the_first_assertion_that_does_not_hold(package, run):
    preflight = [
        {"id": "one", "uses": GET, "with": WEB, "assert": "result.spec.replicas == 3"},
        {"id": "two", "assert": "preflight.one.spec.replicas > 3", "message": "Too small."},
        {"id": "three", "assert": "true"},
    ]
    told = run(package([scale("grow", WEB, 5)], preflight=preflight))

    assert told.path() == ["preflight:one:succeeded", "preflight:two:failed"]
    assert (told.outcome.status, told.outcome.outcome, told.outcome.effects) == ("failed", "refused", ())
    assert told.outcome.error["remedy"] == "Too small."


def test_an_action_that_the_runtime_does_not_have_is_refused_before_the_first_step(package, run):
    told = run(package([look("a"), look("b") | {"uses": "k8s.node.explode@v1"}]))

    assert (told.outcome.outcome, told.outcome.error["code"], told.path()) == ("refused", "action-unknown", [])


def test_a_write_that_is_declared_as_a_read_is_refused(package, run):
    told = run(package([scale("grow", WEB, 5) | {"effect": "read"}]))

    assert (told.outcome.outcome, told.outcome.error["code"], told.path()) == ("refused", "effect-undeclared", [])


def test_verification_may_not_write(package, run):
    told = run(package(verify=[{"id": "v", "uses": SCALE, "with": {**WEB, "replicas": 9}, "expect": "true"}]))

    assert (told.outcome.outcome, told.outcome.error["code"], told.path()) == ("refused", "effect-undeclared", [])


def test_parameters_that_do_not_fit_are_refused(package, run):
    told = run(package(), {"surprise": 1})

    assert (told.outcome.outcome, told.outcome.error["code"], told.path()) == ("refused", "parameters-invalid", [])


def test_a_misspelt_parameter_of_an_action_fails_the_step(package, run):
    outcome = run(package([look("a") | {"with": {**WEB, "nmae": "web"}}])).outcome

    assert (outcome.outcome, outcome.error["code"]) == ("step_failed", "action-input-refused")
    assert "nmae" in outcome.error["found"]


# ── undoing ──


def test_what_was_written_is_undone_in_reverse(package, run, cluster):
    on = cluster({"name": "web", "replicas": 3}, {"name": "api", "replicas": 2})
    steps = [scale("a", WEB, 5, back=3), scale("b", API, 4, back=2), {**BROKEN}]
    told = run(package(steps, rollback=REVERSE), on=on)

    assert (told.outcome.status, told.outcome.outcome) == ("rolled_back", "rolled_back")
    assert told.path()[-2:] == ["compensation:b:compensated", "compensation:a:compensated"]
    assert told.outcome.undone == ("b", "a")
    assert [on.workload("shop", name).spec.replicas for name in ("web", "api")] == [3, 2]


def test_a_step_that_changed_nothing_is_not_undone(package, run):
    """Its compensation would overwrite a size that somebody else chose."""
    steps = [scale("b", WEB, 3, back=1), {**BROKEN}]
    told = run(package(steps, rollback=REVERSE))

    assert told.cluster.workload("shop", "web").spec.replicas == 3
    assert (told.outcome.status, told.outcome.outcome) == ("failed", "step_failed")


def test_a_step_that_was_refused_by_its_precondition_is_not_undone(package, run):
    step = scale("b", WEB, 7, back=1)
    step["with"]["expectReplicas"] = 4
    told = run(package([step], rollback=REVERSE))

    assert told.cluster.workload("shop", "web").spec.replicas == 3
    assert (told.outcome.outcome, told.outcome.error["code"]) == ("step_failed", "replicas-not-as-expected")


def test_abort_leaves_what_was_written_and_names_it(package, run):
    told = run(package([scale("b", WEB, 5, back=3), {**BROKEN, "onFailure": "abort"}], rollback=REVERSE))

    assert (told.outcome.status, told.outcome.outcome) == ("failed", "step_failed")
    assert told.outcome.left_changed == ("k8s://simulator/apps/v1/shop/Deployment/web",)


def test_a_failed_compensation_does_not_stop_the_others(package, run, cluster):
    faults = [{"on": "workload", "error": "unavailable", "times": 99}]
    on = cluster(
        {"name": "web", "replicas": 3},
        {"name": "api", "replicas": 2},
        {"name": "bad", "replicas": 1, "faults": faults},
    )
    steps = [scale("a", WEB, 5, back=3), scale("b", API, 4, back=2)]
    steps[1]["compensate"]["with"] = {**API, "name": "bad", "replicas": 1}
    told = run(package([*steps, {**BROKEN}], rollback=REVERSE), on=on)

    assert (told.outcome.status, told.outcome.outcome, told.outcome.undone) == ("failed", "rollback_failed", ("a",))
    assert told.outcome.left_changed == ("k8s://simulator/apps/v1/shop/Deployment/api",)
    assert on.workload("shop", "web").spec.replicas == 3


def test_a_rollback_of_its_own_steps_is_carried_out_in_file_order(package, run):
    own = {"strategy": "steps", "steps": [scale("shrink", WEB, 3), look("confirm")]}
    told = run(package([scale("b", WEB, 5), {**BROKEN}], rollback=own))

    assert told.path()[-2:] == ["rollback:shrink:succeeded", "rollback:confirm:succeeded"]
    assert (told.outcome.status, told.cluster.workload("shop", "web").spec.replicas) == ("rolled_back", 3)


def test_nothing_is_rolled_back_when_nothing_was_written(package, run):
    own = {"strategy": "steps", "steps": [scale("shrink", WEB, 1)]}
    told = run(package([look("b"), {**BROKEN}], rollback=own))

    assert (told.outcome.outcome, told.cluster.workload("shop", "web").spec.replicas) == ("step_failed", 3)


# ── retries, crashes, time ──


def retrying(on, attempts=3):
    return {
        "maxAttempts": attempts,
        "backoff": {"initial": "2s", "factor": 2, "max": "20s", "jitter": 0.2},
        "retryOn": on,
    }


@pytest.mark.parametrize("cause", ["unavailable", "throttled", "conflict"])
def test_a_named_cause_is_retried_with_growing_pauses(package, run, cluster, cause):
    on = cluster({"name": "web", "replicas": 3, "faults": [{"on": "scale", "error": cause, "times": 2}]})
    told = run(package([scale("grow", WEB, 5, retry=retrying([cause]))]), on=on)

    assert [(e.attempt, str(e.status)) for e in told.outcome.steps[:3]] == [
        (1, "failed"),
        (2, "failed"),
        (3, "succeeded"),
    ]
    assert 2 * 0.8 + 4 * 0.8 <= told.outcome.duration_seconds <= 2 * 1.2 + 4 * 1.2
    assert on.workload("shop", "web").metadata.generation == 2


def test_a_cause_that_is_not_named_is_not_retried(package, run, cluster):
    on = cluster({"name": "web", "replicas": 3, "faults": [{"on": "scale", "error": "conflict"}]})
    told = run(package([scale("grow", WEB, 5, retry=retrying(["unavailable"]))]), on=on)

    assert told.path() == ["step:grow:failed"]


def test_the_jitter_is_the_runs_own_and_reproducible(package, run, cluster):
    def seconds(run_id):
        on = cluster({"name": "web", "replicas": 3, "faults": [{"on": "scale", "error": "conflict"}]})
        steps = [scale("grow", WEB, 5, retry=retrying(["conflict"]))]
        return run(package(steps), on=on, run_id=run_id).outcome.duration_seconds

    assert seconds("a") == seconds("a") != seconds("b")


def test_a_crash_inside_an_action_is_a_failed_step_and_its_message_stays_out_of_the_record(package, run, cluster):
    class Exploding(Simulator):
        def scale(self, namespace, name, replicas, version):
            raise RuntimeError("password=hunter2")

    told = run(package([scale("grow", WEB, 5, retry=retrying(["unavailable"]))]), on=cluster(kind=Exploding))

    assert (told.outcome.outcome, told.outcome.error["code"]) == ("step_failed", "action-crashed")
    assert "hunter2" not in str(told.outcome)
    assert [effect.certain for effect in told.outcome.effects] == [False]


def test_a_step_that_waits_past_its_timeout_fails_by_the_clusters_clock(package, run, cluster):
    on = cluster({"name": "web", "replicas": 3, "pods": [{"life": "stuck"}]})
    wait = {"id": "wait", "uses": "k8s.rollout.wait@v1", "with": WEB, "timeout": "1m"}
    outcome = run(package([wait]), on=on).outcome

    assert (outcome.outcome, outcome.error["code"], outcome.duration_seconds) == ("step_failed", "step-timed-out", 60)


def test_the_run_as_a_whole_has_a_limit_and_undoes_what_it_did(package, run, cluster):
    on = cluster({"name": "web", "replicas": 3, "replacement": {"life": "stuck"}})
    wait = {"id": "wait", "uses": "k8s.rollout.wait@v1", "with": WEB, "timeout": "1h", "needs": ["grow"]}
    steps = [scale("grow", WEB, 5, back=3), wait]
    told = run(package(steps, rollback=REVERSE, limits={"timeout": "10m"}), on=on)

    assert (told.outcome.status, told.outcome.error["code"]) == ("rolled_back", "run-timed-out")
    assert told.path()[-2:] == ["step:wait:interrupted", "compensation:grow:compensated"]
    assert on.workload("shop", "web").spec.replicas == 3


def test_the_limit_also_holds_by_the_wall_clock(package, run):
    ticks = iter(range(0, 10_000, 100))
    outcome = run(package([look("a"), look("b")], limits={"timeout": "2m"}), monotonic=lambda: next(ticks)).outcome

    assert (outcome.status, outcome.outcome) == ("failed", "timed_out")
    assert "wall" in outcome.error["found"]


def test_a_result_too_large_for_its_record_fails_the_step(package, run, cluster, journal):
    class Chatty(Simulator):
        def workload(self, namespace, name):
            found = super().workload(namespace, name)
            return found.model_copy(update={"metadata": found.metadata.model_copy(update={"uid": "x" * RESULT_BYTES})})

    outcome = run(package([look("a")]), on=cluster(kind=Chatty)).outcome

    assert (outcome.outcome, outcome.error["code"]) == ("step_failed", "result-too-large")


# ── verification ──


def held(expect, for_="2m", timeout="5m"):
    return {"id": "v", "uses": GET, "with": WEB, "expect": expect, "for": for_, "timeout": timeout}


def test_a_condition_must_hold_for_its_time(package, run, cluster):
    on = cluster({"name": "web", "replicas": 3, "pods": [{"age": "0s", "startup": "1m"}]})
    outcome = run(package(verify=[held("result.status.readyReplicas == 3")]), on=on).outcome

    assert (outcome.status, outcome.duration_seconds) == ("succeeded", 60 + 120)


def test_a_condition_that_flaps_does_not_count(package, run, cluster):
    on = cluster({"name": "web", "replicas": 3, "pods": [{"life": "relapsing", "age": "0s", "readyFor": "1m"}]})
    outcome = run(package(verify=[held("result.status.readyReplicas == 3")]), on=on).outcome

    assert (outcome.outcome, outcome.error["code"]) == ("verify_failed", "verify-failed")
    assert outcome.duration_seconds <= 300


def test_one_missed_look_does_not_fail_a_verification(package, run, cluster):
    on = cluster({"name": "web", "replicas": 3, "faults": [{"on": "workload", "error": "unavailable", "times": 1}]})
    steps = [{"id": "idle", "uses": "k8s.hpa.for-workload@v1", "with": WEB}]
    outcome = run(package(steps, verify=[held("result.status.readyReplicas == 3")]), on=on).outcome

    assert (outcome.status, outcome.duration_seconds) == ("succeeded", 10 + 120)


def test_a_cluster_that_never_answers_fails_the_verification(package, run, cluster):
    on = cluster({"name": "web", "replicas": 3, "faults": [{"on": "workload", "error": "unavailable", "times": 999}]})
    steps = [{"id": "idle", "uses": "k8s.hpa.for-workload@v1", "with": WEB}]
    outcome = run(package(steps, verify=[held("true")]), on=on).outcome

    assert (outcome.outcome, outcome.error["code"]) == ("verify_failed", "verify-failed")


def test_an_advisory_verification_is_recorded_and_passed_over(package, run):
    told = run(package(verify=[held("false") | {"onFailure": "continue"}]))

    assert (told.path()[-1], told.outcome.status) == ("verify:v:failed", "succeeded")


# ── cancelling, and losing the journal ──


def test_a_cancelled_run_without_a_rollback_says_what_is_left(package, run):
    told = run(package([scale("grow", WEB, 5), look("b")]), cancel_at=2)

    assert (told.outcome.status, told.outcome.outcome) == ("cancelled", "cancelled")
    assert told.outcome.left_changed == ("k8s://simulator/apps/v1/shop/Deployment/web",)
    assert "ann@example.com" in told.outcome.error["found"]


def test_every_entry_is_started_before_it_is_finished_and_only_once(package, run):
    steps = [scale("a", WEB, 5, back=3), look("b", when="false"), {**BROKEN}]
    journal = run(package(steps, rollback=REVERSE)).journal

    key = [(e.phase, e.id, e.attempt) for e in journal.started]
    assert key == [(e.phase, e.id, e.attempt) for e in journal.finished]
    assert len(set(key)) == len(key)
    assert [e.position for e in journal.started] == list(range(1, len(key) + 1))
    assert {str(e.status) for e in journal.started} == {"running"}


def test_a_lost_journal_ends_the_run_at_once_and_never_repeats_a_write(package, run, cluster, journal):
    """Also at the worst moment: written, and not yet recorded."""
    steps = [scale("a", WEB, 5, back=3, retry=retrying(["any"])), look("b", needs=["a"])]
    whole = run(package(steps, rollback=REVERSE)).journal.calls
    for call in range(1, whole + 1):
        on = cluster()
        with pytest.raises(ConnectionError):
            run(package(steps, rollback=REVERSE), on=on, journal=journal(fail_at=call))
        assert on.workload("shop", "web").metadata.generation == (1 if call == 1 else 2)


def test_a_control_that_cannot_answer_ends_the_run_at_once_without_undoing(package, run, cluster, operator):
    """A worker that lost its lease must not write, not even to undo."""
    wait = {"id": "wait", "uses": "k8s.rollout.wait@v1", "with": WEB, "needs": ["grow"]}
    told = package([scale("grow", WEB, 5, back=3), wait], rollback=REVERSE)
    for question in (2, 3, 4):  # between two steps, and twice while one waits
        on = cluster({"name": "web", "replicas": 3, "replacement": {"life": "stuck"}})
        with pytest.raises(PermissionError):
            run(told, on=on, control=operator(question, PermissionError("lease lost")))
        assert on.workload("shop", "web").spec.replicas == 5
