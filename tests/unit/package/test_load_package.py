from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atom.errors import InvalidInput
from atom.package import errors, load_package, pack, package_digest, wpk_schema

PLAYBOOKS = Path(__file__).parents[3] / "examples" / "playbooks"
SCALE = (PLAYBOOKS / "scale-on-latency.wpk.yaml").read_text()


@pytest.mark.parametrize("path", sorted(PLAYBOOKS.rglob("*.wpk.yaml")), ids=lambda path: path.name)
def test_every_playbook_of_the_seed_library_loads(path: Path) -> None:
    package = load_package(path.read_bytes())
    assert path.name == f"{package.name}.wpk.yaml"
    assert package.lines["/spec/steps"][0] > 1


def test_the_digest_is_that_of_the_exact_bytes() -> None:
    data = SCALE.encode()
    assert load_package(data).digest == package_digest(data) == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert package_digest(data + b"\n") != package_digest(data)


def test_the_model_carries_what_the_file_says() -> None:
    spec = load_package(SCALE.encode()).spec
    assert [step.id for step in spec.steps] == ["before", "latency-before", "scale", "settle"]
    assert spec.steps[2].compensate is not None
    assert spec.limits.timeout.total_seconds() == 1200
    assert spec.verify[0].for_.total_seconds() == 180


@pytest.mark.parametrize(
    ("before", "after", "refusal", "pointer"),
    [
        ("timeout: 30s", "timeout: 30 s", errors.SchemaViolation, "/spec/steps/0/timeout"),
        ("timeout: 20m", "timeout: 9999999999d", errors.SchemaViolation, "/spec/limits/timeout"),
        ("effect: read", "effct: read", errors.SchemaViolation, "/spec/steps/0/effct"),
        ("kind: WorkflowPackage", "kind: Playbook", errors.SchemaViolation, "/kind"),
        ("rollback: {strategy: compensate-reverse}", "rollback: {strategy: none}", errors.SchemaViolation, "/spec/rollback"),
        ("rollback: {strategy: compensate-reverse}", "rollback: {strategy: steps}", errors.SchemaViolation, "/spec/rollback"),
        ("expect: >-", "when: >-", errors.SchemaViolation, "/spec/verify/0"),
        ("{cel: event.baseline}", "{cel: event.baseline, or: 1}", errors.SchemaViolation, "/spec/triggers/1/bind/targetP95Ms/or"),
        ("- id: settle", "- id: scale", errors.DuplicateStep, "/spec/steps/3/id"),
        ("- id: settle", "- id: saturated", errors.DuplicateStep, "/spec/steps/3/id"),
        ("needs: [scale]", "needs: [scales]", errors.UnknownStep, "/spec/steps/3/needs/0"),
        ("needs: [before, latency-before]", "needs: [settle]", errors.StepCycle, "/spec/steps"),
        ("additionalProperties: false", "additionalProperties: true", errors.SchemaViolation, "/parameters/additionalProperties"),
        ("default: 50}", "default: 5}", errors.ParameterSchemaInvalid, "/properties/stepPercent/default"),
        ("minimum: 2,", "minimum: two,", errors.ParameterSchemaInvalid, "/properties/maxReplicas/minimum"),
        ("{type: integer, minimum: 10, maximum: 60000}", "{$ref: 'https://example.com/s'}", errors.ParameterSchemaInvalid, "$ref"),
        ("{type: integer, minimum: 10, maximum: 60000}", "{$ref: '#/properties'}", errors.ParameterSchemaInvalid, "$ref"),
        ('"^[a-z0-9-]{1,63}$"', '"("', errors.ParameterSchemaInvalid, "/spec/parameters/properties/namespace/pattern"),
        ('"^[a-z0-9-]{1,63}$"', r"'(\w{200}){200}'", errors.ParameterSchemaInvalid, "namespace/pattern"),
        ('"^[a-z0-9-]{1,63}$"', "'(?=look)around'", errors.ParameterSchemaInvalid, "namespace/pattern"),
        ("when: steps.scale.changed", "when: steps.scale.(", errors.ExpressionInvalid, "/spec/steps/3/when"),
        ("when: steps.scale.changed", "when: 1 + 1", errors.ExpressionInvalid, "/spec/steps/3/when"),
        ("when: steps.scale.changed", "when: stepz.scale", errors.ExpressionInvalid, "/spec/steps/3/when"),
        ("{cel: event.baseline}", "{cel: '1 +'}", errors.ExpressionInvalid, "/spec/triggers/1/bind/targetP95Ms/cel"),
        ("key: params.namespace", "key: 1 == 1 || params.namespace", errors.ExpressionInvalid, "/spec/concurrency/key"),
    ],
)  # fmt: skip
def test_each_mistake_has_a_cause_of_its_own_and_a_place(
    before: str, after: str, refusal: type[InvalidInput], pointer: str
) -> None:
    assert before in SCALE
    with pytest.raises(refusal) as refused:
        load_package(SCALE.replace(before, after, 1).encode())
    assert pointer in refused.value.found
    assert " at line " in refused.value.found


@pytest.mark.parametrize("data", [b"[]", b"just text", b"a: 1", b"42", b"null"])
def test_yaml_that_is_no_package_is_a_schema_violation(data: bytes) -> None:
    with pytest.raises(errors.SchemaViolation):
        load_package(data)


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_no_mutation_of_a_package_raises_anything_but_our_own_errors(data: st.DataObject) -> None:
    original = bytearray(SCALE.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(original)))
        end = start + data.draw(st.integers(0, 30))
        original[start:end] = data.draw(
            st.one_of(
                st.binary(max_size=8), st.sampled_from([b"{cel: x}", b"[", b"null", b"-1", b"\n", b"  ", b"$ref: a"])
            )
        )
    with suppress(InvalidInput):
        load_package(bytes(original))


def test_schema_and_model_allow_the_same_members() -> None:
    """A member that only one of them knows would be lost, or refused without a good message."""
    from atom.package import model

    pairs = [
        ("metadata", model.Metadata),
        ("spec", model.Spec),
        ("step", model.Step),
        ("retry", model.Retry),
        ("backoff", model.Backoff),
        ("kubernetesPermission", model.KubernetesPermission),
        ("trigger", model.Trigger),
    ]
    spec = wpk_schema()["$defs"]["spec"]["properties"]
    found = {name: (wpk_schema()["$defs"][name], made) for name, made in pairs} | {
        name: (spec[name], made)
        for name, made in [
            ("requires", model.Requires),
            ("permissions", model.Permissions),
            ("concurrency", model.Concurrency),
            ("limits", model.Limits),
            ("approval", model.Approval),
            ("rollback", model.Rollback),
            ("risk", model.Risk),
            ("training", model.Training),
        ]
    }
    for name, (schema, made) in found.items():
        members = {field.alias or member for member, field in made.model_fields.items()}
        required = {field.alias or member for member, field in made.model_fields.items() if field.is_required()}
        assert members == set(schema["properties"]), name
        assert required <= set(schema.get("required", [])), name


def test_packing_a_file_changes_no_byte(tmp_path: Path) -> None:
    file = tmp_path / "a.wpk.yaml"
    file.write_bytes(b"a: 1\r\n\xff")
    assert pack(file) == b"a: 1\r\n\xff"


def test_packing_says_what_is_missing_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(errors.NoSuchPlaybook):
        pack(tmp_path / "absent.wpk.yaml")
    with pytest.raises(errors.NoSuchPlaybook):
        pack(tmp_path)
    large = tmp_path / "large.wpk.yaml"
    large.write_bytes(b" " * (1024 * 1024 + 1))
    with pytest.raises(errors.PackageTooLarge):
        pack(large)
