from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atom.gate import Mode, Risk, Verdict, judge, ruleset_digest
from atom.gate.examples import ACTIONS, example_package
from atom.package import Effect, load_package

PLAYBOOKS = Path(__file__).parents[3] / "examples" / "playbooks"
CATALOGUE = {
    "k8s.workload.get@v1": Effect.READ,
    "k8s.workload.scale@v1": Effect.WRITE,
    "k8s.rollout.wait@v1": Effect.READ,
    "k8s.pods.unhealthy@v1": Effect.READ,
    "k8s.pods.collect@v1": Effect.READ,
    "k8s.pods.delete@v1": Effect.WRITE,
    "k8s.hpa.for-workload@v1": Effect.READ,
    "prom.query@v1": Effect.READ,
}


def verdict_on(name: str, catalogue: dict[str, Effect] = CATALOGUE) -> Verdict:
    return judge(load_package((PLAYBOOKS / f"{name}.wpk.yaml").read_bytes()), catalogue)


def rules(verdict: Verdict) -> set[str]:
    return {finding.rule for finding in verdict.findings}


def test_restart_unhealthy_is_for_a_person_to_allow() -> None:
    verdict = verdict_on("restart-unhealthy")
    assert (verdict.risk, verdict.mode, rules(verdict)) == (Risk.CAUTION, Mode.MANUAL, {"WPK402"})


def test_scale_on_latency_may_start_by_itself() -> None:
    verdict = verdict_on("scale-on-latency")
    assert (verdict.score, verdict.risk, verdict.mode, verdict.findings) == (0, Risk.SAFE, Mode.AUTO, ())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("host-path-logs", {"WPK101"}),
        ("privileged-debug", {"WPK102", "WPK104"}),
        ("sys-admin-tuning", {"WPK103"}),
        ("cluster-admin-grant", {"WPK201"}),
        ("curl-pipe-shell", {"WPK301", "WPK302"}),
    ],
)
@pytest.mark.parametrize("known", [{}, {"k8s.apply@v1": Effect.WRITE, "shell.run@v1": Effect.WRITE}])
def test_known_unsafe_playbooks_are_unsafe_whatever_the_runtime_knows(
    name: str, expected: set[str], known: dict[str, Effect]
) -> None:
    verdict = verdict_on(f"unsafe/{name}", {**CATALOGUE, **known})
    assert (verdict.risk, verdict.mode) == (Risk.UNSAFE, Mode.MANUAL)
    assert expected <= rules(verdict)


def test_a_finding_points_at_its_line() -> None:
    text = (PLAYBOOKS / "unsafe/host-path-logs.wpk.yaml").read_text()
    (finding,) = [one for one in verdict_on("unsafe/host-path-logs").findings if one.rule == "WPK101"]
    assert "hostPath" in text.splitlines()[finding.line - 1]
    assert finding.excerpt == "- {name: logs, hostPath: {path: /var/log}}"
    assert finding.pointer.endswith("/volumes/0/hostPath")
    assert "/var/log" in finding.message


@pytest.mark.parametrize("name", ["restart-unhealthy", "scale-on-latency", "unsafe/curl-pipe-shell"])
def test_a_verdict_survives_json_and_keeps_its_digest(name: str) -> None:
    verdict = verdict_on(name)
    again = Verdict.from_dict(json.loads(json.dumps(verdict.as_dict())))
    assert again == verdict
    assert again.digest == verdict.digest == verdict_on(name).digest
    assert sum(share.points for share in verdict.contributions) == verdict.score


def test_another_catalogue_is_another_ruleset() -> None:
    assert ruleset_digest(CATALOGUE) == ruleset_digest(dict(reversed(CATALOGUE.items())))
    assert ruleset_digest(CATALOGUE) != ruleset_digest({**CATALOGUE, "k8s.pods.delete@v1": Effect.DESTROY})


@pytest.mark.parametrize(
    "example",
    [
        "pod: {containers: {cel: params.containers}}",
        "pod: {containers: [{name: a, securityContext: {privileged: {cel: params.really}}}]}",
        "manifest: {apiVersion: v1, kind: {cel: params.kind}, metadata: {name: x}}",
        "step: {with: {manifests: [{cel: params.manifest}]}}",
        "step: {uses: shell.run@v1, with: {command: [sh, -c, {cel: params.script}]}}",
    ],
)
def test_what_cannot_be_read_before_the_run_is_never_safe(example: str) -> None:
    verdict = judge(example_package(example), ACTIONS)
    assert "WPK001" in rules(verdict)
    assert verdict.risk is not Risk.SAFE
    assert verdict.mode is Mode.MANUAL


@pytest.mark.parametrize(
    ("example", "mode"),
    [
        ("step: {uses: k8s.workload.scale@v1}", Mode.AUTO),
        ("spec: {approval: {mode: manual}, steps: [{id: act, uses: k8s.workload.get@v1}]}", Mode.MANUAL),
        ("spec: {steps: [{id: act, uses: k8s.workload.scale@v1, effect: destroy}]}", Mode.MANUAL),
        (
            "spec: {risk: {declared: low, reversibility: irreversible, blastRadius: pod}, "
            "steps: [{id: act, uses: k8s.workload.scale@v1, effect: write}]}",
            Mode.MANUAL,
        ),
        (
            "spec: {risk: {declared: low, reversibility: irreversible, blastRadius: pod}, steps: [{id: act, "
            "uses: k8s.workload.scale@v1, effect: write, compensate: {uses: k8s.workload.scale@v1}}]}",
            Mode.AUTO,
        ),
    ],
)
def test_a_run_starts_by_itself_only_if_it_can_be_undone_and_nobody_asked_for_a_person(
    example: str, mode: Mode
) -> None:
    verdict = judge(example_package(example), ACTIONS)
    assert verdict.risk is Risk.SAFE
    assert verdict.mode is mode


def test_a_pod_is_found_wherever_it_stands() -> None:
    deep = (
        "manifest: {apiVersion: example.com/v1, kind: Fleet, metadata: {name: x}, spec: {groups: [{pods: "
        "{template: {spec: {ephemeralContainers: [{name: a, securityContext: {privileged: true}}]}}}}]}}"
    )
    in_list = "manifest: {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod, spec: {hostPID: true}}]}"
    assert rules(judge(example_package(deep), ACTIONS)) == {"WPK102"}
    assert rules(judge(example_package(in_list), ACTIONS)) == {"WPK104"}


JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text("aZ0 :/.-$é😀", max_size=5), st.just({"cel": "params.x"})),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["kind", "apiVersion", "metadata", "spec", "containers", "initContainers", "volumes", "hostPath", "command",
                 "securityContext", "capabilities", "add", "privileged", "hostPID", "script", "args", "name", "patch"]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(JUNK)
def test_whatever_stands_among_the_arguments_gets_a_verdict(junk: Any) -> None:
    verdict = judge(example_package("step: " + json.dumps({"with": {"manifest": junk}}, ensure_ascii=False)), ACTIONS)
    assert 0 <= verdict.score <= 100
    assert Verdict.from_dict(verdict.as_dict()) == verdict
