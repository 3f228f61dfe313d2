"""Mutated signatures: always an answer within the error hierarchy, never one that was not earned."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atom.errors import AtomError
from atom.trust.keys import public_pem
from atom.trust.policy import TrustedKey, TrustPolicy
from atom.trust.sign import sign_bundle, sign_detached
from atom.trust.verify import verify_signature

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PACKAGE = b"name: fuzzed\n"
ODD: list[Any] = [None, True, 0, -1, 2**70, 1.5, "", "AAAA", "é", [], {}, [[]], {"digest": ""}, "A" * 5000]

mutations = st.lists(
    st.one_of(
        st.tuples(st.just("flip"), st.integers(0, 2**20), st.integers(1, 255)),
        st.tuples(st.just("cut"), st.integers(0, 2**20), st.integers(1, 40)),
        st.tuples(st.just("insert"), st.integers(0, 2**20), st.binary(min_size=1, max_size=6)),
        st.tuples(st.just("member"), st.integers(0, 2**20), st.sampled_from(ODD)),
    ),
    min_size=1,
    max_size=3,
)


def mutate(material: bytes, steps: list[tuple[str, int, Any]]) -> bytes:
    for how, where, what in steps:
        at = where % max(len(material), 1)
        match how:
            case "flip" if material:
                material = material[:at] + bytes([material[at] ^ what]) + material[at + 1 :]
            case "cut":
                material = material[:at] + material[at + what :]
            case "insert":
                material = material[:at] + what + material[at:]
            case "member":
                material = replace_member(material, where, what)
    return material


def replace_member(material: bytes, which: int, value: Any) -> bytes:
    """Put `value` in place of one of the JSON's members, at any depth. Other material is left alone."""
    try:
        fields = json.loads(material)
    except ValueError:
        return material
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for name, child in node.items() if isinstance(node, dict) else enumerate(node):
            places.append((node, name))
            if isinstance(child, dict | list):
                walk(child)

    if isinstance(fields, dict | list):
        walk(fields)
    if places:
        node, name = places[which % len(places)]
        node[name] = value
    return json.dumps(fields).encode()


@pytest.fixture(scope="module")
def materials(key: ec.EllipticCurvePrivateKey, sign_statement: Callable[..., bytes]) -> list[bytes]:
    entry = {
        "SignedEntryTimestamp": "AAAA",
        "Payload": {
            "body": "eyJraW5kIjoiYSIsImFwaVZlcnNpb24iOiJiIn0=",
            "integratedTime": 1,
            "logIndex": 1,
            "logID": "a" * 64,
        },
    }
    detached = sign_detached(PACKAGE, key)
    return [
        detached,
        sign_bundle(PACKAGE, key),
        sign_statement(hashlib.sha256(PACKAGE).hexdigest(), key),
        json.dumps({"base64Signature": detached.decode(), "rekorBundle": entry}).encode(),
    ]


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.integers(0, 3), steps=mutations)
def test_a_mutated_signature_never_escapes_the_error_hierarchy_nor_gets_in(
    which: int,
    steps: list[tuple[str, int, Any]],
    materials: list[bytes],
    key: ec.EllipticCurvePrivateKey,
    other_key: ec.EllipticCurvePrivateKey,
) -> None:
    mutated = mutate(materials[which], steps)
    alice = TrustPolicy(keys=(TrustedKey(name="alice", pem=public_pem(key)),))
    bob = TrustPolicy(keys=(TrustedKey(name="bob", pem=public_pem(other_key)),))
    for policy, data in ((alice, PACKAGE + b" "), (alice, b""), (bob, PACKAGE)):
        with pytest.raises(AtomError):
            verify_signature(data, mutated, policy, "fuzzed", NOW)
    with contextlib.suppress(AtomError):  # a change of what is not signed, such as the hint, may leave it good
        assert verify_signature(PACKAGE, mutated, alice, "fuzzed", NOW).signer == "alice"
