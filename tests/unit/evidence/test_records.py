"""The chain: canonical, gapless, and different as soon as one byte of what was decided is."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from atom.evidence.records import GENESIS, chain, parse_time, sha256
from atom.store.audit import Event

TENANT = uuid.UUID(int=1)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
bodies = st.dictionaries(st.text(), values, max_size=4)


def event(body: dict[str, Any], n: int = 0) -> Event:
    return Event(uuid.UUID(int=100 + n), "test.happened", None, body, datetime(2026, 11, 22, 1, 2, 3, 456789, UTC))


@settings(max_examples=60, deadline=None, database=None)
@given(st.lists(bodies, max_size=5), st.integers(0, 5))
def test_a_chain_is_the_same_however_it_is_cut_into_batches(told: list[dict[str, Any]], cut: int) -> None:
    events = [event(body, n) for n, body in enumerate(told)]
    whole = chain(TENANT, None, events)
    first = chain(TENANT, None, events[:cut])
    assert first + chain(TENANT, first[-1] if first else None, events[cut:]) == whole
    assert [record.seq for record in whole] == list(range(1, len(events) + 1))
    assert [record.prev_record_hash for record in whole] == [GENESIS, *(r.record_hash for r in whole)][: len(whole)]
    for record in whole:
        assert rfc8785.dumps(json.loads(record.record)) == record.record
        assert sha256(record.record) == record.record_hash


@settings(max_examples=60, deadline=None, database=None)
@given(bodies)
def test_no_body_pretends_to_another_place(body: dict[str, Any]) -> None:
    forged = body | {"seq": 7, "tenant": "x", "prevRecordHash": "y", "recordedAt": "z", "schema": "s", "type": "t"}
    (record,) = chain(TENANT, None, [event(forged)])
    told = json.loads(record.record)
    assert (told["seq"], told["tenant"], told["prevRecordHash"]) == (1, str(TENANT), GENESIS)
    assert (told["schema"], told["type"]) == ("audit/v1", "test.happened")


def test_one_changed_record_changes_every_later_hash() -> None:
    events = [event({"n": n}, n) for n in range(4)]
    before = chain(TENANT, None, events)
    after = chain(TENANT, None, [events[0], replace(events[1], body={"n": "other"}), *events[2:]])
    assert before[0] == after[0]
    assert all(a.record_hash != b.record_hash for a, b in zip(before[1:], after[1:], strict=True))


def test_times_are_written_in_utc_and_read_back() -> None:
    (record,) = chain(TENANT, None, [event({})])
    told = json.loads(record.record)["recordedAt"]
    assert told == "2026-11-22T01:02:03.456Z"
    assert parse_time(told).tzinfo is not None
