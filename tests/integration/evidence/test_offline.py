"""An evidence file proves what it says, or is refused: no change of it changes a claim unnoticed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atom.errors import AtomError
from atom.evidence.errors import EvidenceBroken, EvidenceMalformed
from atom.evidence.offline import MAX_BYTES, Proof, verify_file
from tests.builders import playbook, signer
from tests.integration.worlds import TenantWorld

SECTIONS = ("run", "package", "signature", "parameters", "verdict", "records")
ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    2**70,
    1e300,
    "",
    "é",
    "\x00",
    "AAAA",
    [],
    {},
    [[]],
    {"bytes": ""},
    "sha256:" + "0" * 64,
]
Path = tuple[str | int, ...]


@pytest.fixture(scope="module")
def files(shared_world: TenantWorld) -> list[bytes]:
    """Of two runs that differ in everything that a person chooses but the name of the package and its key."""
    first = shared_world.finished_run()
    data = playbook(version="1.0.1")
    shared_world.upload(data, signer().bundle(data))
    second = shared_world.request("restart-unhealthy@1.0.1", namespace="shop", deployment="web").json()["id"]
    shared_world.decide(second)
    shared_world.execute(second)
    return [shared_world.get(f"/runs/{run}/evidence").content for run in (first, second)]


@pytest.fixture(scope="module")
def proof(files: list[bytes]) -> Proof:
    return verify_file(files[0], public_key=signer().public_pem)


def leaves(value: Any, at: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*at, key))
    if at:
        yield at


def replaced(data: bytes, path: Path, value: Any) -> bytes:
    evidence = node = json.loads(data)
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return json.dumps(evidence).encode()


def assert_refused_or_unchanged(data: bytes, proof: Proof) -> None:
    try:
        assert verify_file(data, public_key=signer().public_pem) == proof
    except AtomError:
        return


def test_both_files_prove_what_they_say(files: list[bytes], proof: Proof) -> None:
    assert "resolved" in proof.proved[-1]
    assert proof.not_proved
    assert verify_file(files[1]).not_proved[-1].startswith("whose key")


@settings(max_examples=200, deadline=None, database=None)
@given(data=st.data())
def test_a_flipped_bit_is_found_or_changes_no_claim(data: st.DataObject, files: list[bytes], proof: Proof) -> None:
    at = data.draw(st.integers(0, len(files[0]) - 1))
    bit = data.draw(st.integers(0, 7))
    flipped = bytearray(files[0])
    flipped[at] ^= 1 << bit
    assert_refused_or_unchanged(bytes(flipped), proof)


@settings(max_examples=200, deadline=None, database=None)
@given(data=st.data())
def test_a_replaced_value_is_found_or_changes_no_claim(data: st.DataObject, files: list[bytes], proof: Proof) -> None:
    path = data.draw(st.sampled_from([path for path in leaves(json.loads(files[0])) if path != ("verdict",)]))
    assert_refused_or_unchanged(replaced(files[0], path, data.draw(st.sampled_from(ODD))), proof)


@settings(max_examples=60, deadline=None, database=None)
@given(data=st.binary(max_size=60) | st.recursive(st.none() | st.text(), lambda i: st.lists(i) | st.dictionaries(
    st.sampled_from(["schema", "records", *SECTIONS]), i)).map(lambda v: json.dumps(v).encode()))  # fmt: skip
def test_nonsense_is_no_evidence(data: bytes) -> None:
    with pytest.raises(EvidenceMalformed):
        verify_file(data)


@pytest.mark.parametrize("section", SECTIONS)
def test_no_part_of_another_runs_file_passes(files: list[bytes], section: str) -> None:
    other = json.loads(files[1])[section]
    if section == "signature":  # the same key signed both; its signature of the other bytes does not do
        assert other["key_id"] == json.loads(files[0])["signature"]["key_id"]
    with pytest.raises(AtomError):
        verify_file(replaced(files[0], (section,), other), public_key=signer().public_pem)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("run", "id"), "00000000-0000-7000-8000-000000000000"),
        (("run", "status"), "failed"),
        (("run", "outcome"), "nothing_to_do"),
        (("package", "name"), "harmless"),
        (("package", "version"), "9.9.9"),
        (("signature", "signer"), "the chief auditor"),
        (("signature", "key_id"), "sha256:" + "0" * 64),
        (("parameters", "deployment"), "web"),
        (("verdict", "score"), 0),
    ],
)
def test_every_claim_of_the_file_is_held_against_the_records(files: list[bytes], path: Path, value: Any) -> None:
    with pytest.raises(EvidenceBroken):
        verify_file(replaced(files[0], path, value), public_key=signer().public_pem)


def test_a_dropped_or_reordered_record_is_found_or_told(files: list[bytes]) -> None:
    records = json.loads(files[0])["records"]
    with pytest.raises(EvidenceBroken, match="a seq above"):
        verify_file(replaced(files[0], ("records",), records[::-1]))
    with pytest.raises(EvidenceBroken, match="a seq above"):
        verify_file(replaced(files[0], ("records",), [records[0], *records]))
    with pytest.raises(EvidenceBroken, match="final record"):
        verify_file(replaced(files[0], ("records",), records[:-1]))
    with pytest.raises(EvidenceBroken, match="at least"):
        verify_file(replaced(files[0], ("records",), []))
    gap = verify_file(replaced(files[0], ("records",), [records[0], *records[2:]]))
    assert "no other record" in gap.not_proved[0]  # only the whole log tells that one is missing


def test_a_file_without_the_verdict_does_not_claim_to_prove_it(files: list[bytes]) -> None:
    without = verify_file(replaced(files[0], ("verdict",), None))
    assert not any("verdict" in sentence for sentence in without.proved)
    assert any("verdict" in sentence for sentence in without.not_proved)


def test_a_strangers_key_proves_nothing(files: list[bytes]) -> None:
    with pytest.raises(AtomError):
        verify_file(files[0], public_key=signer("stranger").public_pem)


def test_a_huge_file_is_not_read() -> None:
    with pytest.raises(EvidenceMalformed, match="more than"):
        verify_file(b" " * (MAX_BYTES + 1))
