"""Runs are asked for, shown, decided on and followed."""

from __future__ import annotations

import json
from typing import Any

import pytest
import typer

from atomctl import watching
from atomctl.runs import parse_parameters
from tests.unit.atomctl.conftest import RUN_ID, FakeServer

Row = dict[str, Any]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n=3", 3),
        ("n=3.5", 3.5),
        ("n=true", True),
        ("n=null", None),
        ('n=["a", 1]', ["a", 1]),
        ('n="3"', "3"),
        ("n=cart", "cart"),
        ("n=a=b", "a=b"),
        ("n=", ""),
        ("n=1.2.3", "1.2.3"),
        ("n=NO", "NO"),
        ("n=022", "022"),
        ("n=NaN", "NaN"),
        ("n=" + "[" * 100_000, "[" * 100_000),
    ],
)
def test_a_parameter_is_json_where_it_is_json_else_text(text: str, value: object) -> None:
    assert parse_parameters([text]) == {"n": value}


@pytest.mark.parametrize("given", [["namespace"], ["=shop"], ["a=1", "a=2"]])
def test_a_parameter_that_makes_no_sense_is_wrong_usage(given: list[str]) -> None:
    with pytest.raises(typer.BadParameter):
        parse_parameters(given)


def test_a_run_is_asked_for_with_parameters_and_a_key(atomctl: Any, registry: FakeServer, run_row: Row) -> None:
    registry.say("POST", "/workflows/scale-on-latency/runs", run_row, status=201)
    done = atomctl("run", "scale-on-latency", "-p", "deployment=web", "-p", "targetP95Ms=250")
    assert done.exit_code == 0
    assert registry.asked[0].json() == {"parameters": {"deployment": "web", "targetP95Ms": 250}}
    assert registry.asked[0].headers["Idempotency-Key"]


def test_wrong_usage_exits_with_2_and_asks_nobody(atomctl: Any, registry: FakeServer) -> None:
    assert atomctl("run", "x", "-p", "novalue").exit_code == 2
    assert atomctl("watch", "not-an-id").exit_code == 2
    assert atomctl("runs", "--role", "emperor").exit_code == 2
    assert registry.asked == []


def test_an_approval_names_the_verdict_that_was_seen(atomctl: Any, registry: FakeServer, run_row: Row) -> None:
    registry.say("GET", f"/runs/{RUN_ID}", run_row)
    registry.say("POST", f"/runs/{RUN_ID}/approve", run_row | {"status": "queued"})
    assert atomctl("approve", RUN_ID, "--reason", "yes").exit_code == 0
    assert registry.asked[-1].json() == {"reason": "yes", "verdict_digest": run_row["verdict_digest"]}


def test_ones_own_request_is_refused_with_4(atomctl: Any, registry: FakeServer, run_row: Row) -> None:
    registry.say("GET", f"/runs/{RUN_ID}", run_row)
    registry.refuse("POST", f"/runs/{RUN_ID}/approve", 403, title="Nobody approves what they asked for themselves")
    done = atomctl("approve", RUN_ID)
    assert done.exit_code == 4
    assert "Nobody approves" in done.stderr


@pytest.mark.parametrize(("status", "code"), [("succeeded", 0), ("failed", 1), ("rolled_back", 1), ("rejected", 1)])
def test_watching_ends_with_the_run_and_tells_how(
    atomctl: Any, registry: FakeServer, run_row: Row, monkeypatch: pytest.MonkeyPatch, status: str, code: int
) -> None:
    monkeypatch.setattr(watching, "_EVERY", 0)
    step = {
        "id": "s-1", "phase": "step", "step_id": "restart", "try_": 1, "uses": "k8s.pods.delete@v1",
        "status": "running", "cluster_seconds": None, "error": None,
    }  # fmt: skip
    ended = step | {"status": "succeeded", "cluster_seconds": 20.0}
    registry.say("GET", f"/runs/{RUN_ID}", run_row | {"status": "running", "steps": [step]})
    registry.say("GET", f"/runs/{RUN_ID}", run_row | {"status": status, "outcome": "told", "steps": [ended]})
    done = atomctl("watch", RUN_ID)
    assert done.exit_code == code
    assert done.stdout.count("restart") == 1
    assert status in done.stdout


def test_show_finds_runs_and_packages(atomctl: Any, registry: FakeServer, run_row: Row) -> None:
    registry.say("GET", f"/runs/{RUN_ID}", run_row)
    assert json.loads(atomctl("show", RUN_ID, "--json").stdout)["id"] == RUN_ID
    done = atomctl("show", "restart-unhealthy")
    assert done.exit_code == 5
    assert registry.asked[-1].path == "/workflows/restart-unhealthy"


def test_no_stack_and_no_address_says_what_to_do(atomctl: Any) -> None:
    done = atomctl("runs", env={"ATOM_URL": ""})
    assert done.exit_code == 3
    assert "atomctl up" in done.stderr


def test_evidence_that_is_none_is_refused(atomctl: Any, tmp_path: Any) -> None:
    (tmp_path / "e.json").write_text('{"schema": "another"}')
    assert atomctl("evidence", "verify", "e.json").exit_code == 1


def test_a_dataset_is_checked_and_stays_in_its_folder(atomctl: Any, registry: FakeServer, tmp_path: Any) -> None:
    empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    file = {"path": "data/train.jsonl", "sha256": empty, "bytes": 0}
    registry.say("GET", "/datasets/v1/manifest.json", {"files": [file], "rows": {"train": 0}})
    registry.say("GET", "/datasets/v1/data/train.jsonl", b"")
    assert atomctl("datasets", "pull", "v1").exit_code == 0
    assert (tmp_path / "v1" / "data" / "train.jsonl").exists()

    registry.say("GET", "/datasets/v2/manifest.json", {"files": [file | {"bytes": 1}], "rows": {}})
    registry.say("GET", "/datasets/v2/data/train.jsonl", b"x")
    damaged = atomctl("datasets", "pull", "v2")
    assert damaged.exit_code == 3
    assert "data/train.jsonl" in damaged.stderr

    registry.say("GET", "/datasets/v3/manifest.json", {"files": [file | {"path": "../../out"}], "rows": {}})
    registry.say("GET", "/datasets/v3/../../out", b"")
    assert atomctl("datasets", "pull", "v3").exit_code != 0
    assert not (tmp_path.parent / "out").exists()
