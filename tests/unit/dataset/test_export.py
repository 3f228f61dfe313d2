"""A dataset version is the same bytes every time, and pandas reads what its manifest promises."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from atom.dataset import export as exporting
from atom.dataset.errors import DatasetTooLarge
from atom.dataset.export import Export, export
from atom.dataset.rows import TrainingRows, build_rows, check
from tests.unit.dataset.run_facts import KEY, NOON, ending, facts

SPLITS = ("train", "validation", "test")


def dataset(runs: int = 60) -> TrainingRows:
    made = [
        facts(
            i,
            requested_at=NOON + timedelta(hours=i),
            parameters={"namespace": f"n{i % 20}", "maxPods": i},
            **({} if i % 3 else {"status": "failed", "error": "timeout", "steps": ending(all_ready="failed")}),
            export="deny" if i % 15 == 0 else "allow",
        )
        for i in range(1, runs + 1)
    ]
    return build_rows(made, hmac_key=KEY, version="2026.10.1", observed_until=NOON + timedelta(days=9))


@pytest.fixture(scope="module")
def made() -> Export:
    return export(dataset())


def test_the_same_runs_give_the_same_bytes(made: Export) -> None:
    assert export(dataset()).files == made.files


def test_pandas_reads_both_forms_and_the_counts_agree(made: Export) -> None:
    total = 0
    for split in SPLITS:
        lines = made.files[f"data/{split}.jsonl"]
        table = pd.read_parquet(io.BytesIO(made.files[f"data/{split}.parquet"]))
        read = pd.read_json(io.BytesIO(lines), lines=True) if lines else pd.DataFrame()
        assert len(read) == len(table) == made.rows[split] == made.manifest["rows"][split]
        if len(read):
            assert list(read.row_id) == list(table.row_id) == sorted(table.row_id)
            assert set(table.split) == {split}
        total += len(table)
    assert total == len(dataset().rows) == 56
    assert made.rows["train"] > 0


def test_parquet_holds_exactly_what_json_holds(made: Export) -> None:
    lines = [json.loads(line) for line in made.files["data/train.jsonl"].splitlines()]
    table = pq.read_table(io.BytesIO(made.files["data/train.parquet"])).to_pylist()
    for line, record in zip(lines, table, strict=True):
        record["t"] = {name: time.isoformat().replace("+00:00", "Z") for name, time in record["t"].items()}
        assert record == line


def test_every_line_fits_the_schema_that_is_shipped_with_it(made: Export) -> None:
    for split in SPLITS:
        for line in made.files[f"data/{split}.jsonl"].splitlines():
            check(line)
    assert json.loads(made.files["schema/training-row-v1.schema.json"])["$id"] == "urn:atom:training-row:v1"


def test_the_manifest_names_every_file_with_its_digest_and_size(made: Export) -> None:
    manifest = json.loads(made.files["manifest.json"])
    assert manifest == made.manifest
    assert {file["path"] for file in manifest["files"]} == set(made.files) - {"manifest.json"}
    for file in manifest["files"]:
        data = made.files[file["path"]]
        assert (file["sha256"], file["bytes"]) == ("sha256:" + hashlib.sha256(data).hexdigest(), len(data))
    assert manifest["left_out"] == {"export denied": 4, "not finished": 0}


def test_the_card_counts_rows_and_labels_and_says_what_was_left_out(made: Export) -> None:
    card = made.files["README.md"].decode()
    assert "Left out: 4 runs (export denied), 0 runs (not finished)." in card
    assert f"| train | {made.rows['train']} |" in card
    assert "| outcome | failure | 16 |" in card
    assert "| outcome | success | 40 |" in card
    assert "{" not in card
    for split in SPLITS:
        assert f"  - split: {split}\n    path: data/{split}.parquet" in card


def test_a_version_can_be_written_and_loaded_from_a_folder(made: Export, tmp_path: Path) -> None:
    for path, data in made.files.items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    frame = pd.concat(pd.read_parquet(tmp_path / "data" / f"{split}.parquet") for split in SPLITS)
    assert frame.labels.map(lambda labels: labels["outcome"]).value_counts().to_dict() == {"success": 40, "failure": 16}


def test_an_empty_version_still_has_its_columns() -> None:
    made = export(dataset(0))
    assert made.rows == dict.fromkeys(SPLITS, 0)
    table = pq.read_table(io.BytesIO(made.files["data/train.parquet"]))
    assert (table.num_rows, table.column_names[0], table.column_names[-1]) == (0, "schema", "messages")


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "MAX_ROWS", 10)
    with pytest.raises(DatasetTooLarge):
        export(dataset())
