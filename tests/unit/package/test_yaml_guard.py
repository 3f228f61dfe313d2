"""A file is read as every other reader would read it, or refused with the place of the offence."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atom.errors import AtomError
from atom.package import errors
from atom.package.guard import MAX_BYTES, MAX_DEPTH, MAX_NODES, read_yaml

MERGE_BOMB = b"a: &a {x: 1}\n" + b"".join(b"k%d: &k%d {<<: [*a, *a]}\n" % (n, n) for n in range(20))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("on", "on"),
        ("y", "y"),
        ("22:22", "22:22"),
        ("1_000", "1_000"),
        ("2026-11-22", "2026-11-22"),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("-7", -7),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("True", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("'null'", "null"),
        ("'12'", "12"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_scalars_follow_the_yaml_1_2_core_schema(text: str, value: object) -> None:
    read = read_yaml(f"key: {text}".encode()).tree["key"]
    assert read == value
    assert type(read) is type(value)


def test_every_node_has_its_line_and_column() -> None:
    source = read_yaml(b"a:\n  b/c: [1, 2]\nd~: {e: 1}\n")
    assert source.tree == {"a": {"b/c": [1, 2]}, "d~": {"e": 1}}
    assert source.lines["/a/b~1c/1"] == (2, 12)
    assert source.lines["/d~0/e"] == (3, 6)
    assert str(source.place("/a/b~1c/7/x")) == "line 2, column 3 (/a/b~1c/7/x)"


def test_windows_line_ends_do_not_move_lines() -> None:
    assert read_yaml(b"a: 1\r\nb: 2\r\n").lines["/b"] == (2, 1)


@pytest.mark.parametrize(
    ("data", "refusal", "line"),
    [
        (b"a: 1\nb: &x 2\n", errors.YamlFeatureForbidden, 2),
        (b"a: 1\nb: *x\n", errors.YamlFeatureForbidden, 2),
        (MERGE_BOMB, errors.YamlFeatureForbidden, 1),
        (b"a:\n  <<: {b: 1}\n", errors.YamlFeatureForbidden, 2),
        (b"a: !!python/object/apply:os.system [id]\n", errors.YamlFeatureForbidden, 1),
        (b"a: !!str 1\n", errors.YamlFeatureForbidden, 1),
        (b"a: ! x\n", errors.YamlFeatureForbidden, 1),
        (b"a: 1\n---\nb: 2\n", errors.YamlFeatureForbidden, 2),
        (b"%YAML 1.1\n---\na: 1\n", errors.YamlFeatureForbidden, 1),
        (b"a: 1\nb: 2\na: 3\n", errors.DuplicateKey, 3),
        (b"{a: 1, 'a': 2}", errors.DuplicateKey, 1),
        (b"a: 1\n2: 3\n", errors.KeyNotString, 2),
        (b"? [a]\n: 1\n", errors.KeyNotString, 1),
        (b"a: 9007199254740992\n", errors.NumberOutOfRange, 1),
        (b"a: " + b"9" * 100_000, errors.NumberOutOfRange, 1),
        (b"a: .inf\n", errors.NumberOutOfRange, 1),
        (b"a: -.INF\n", errors.NumberOutOfRange, 1),
        (b"a: .nan\n", errors.NumberOutOfRange, 1),
        (b"a: 1e999\n", errors.NumberOutOfRange, 1),
        (b"a: 1\nb: \x00\n", errors.HiddenCharacter, 2),
        (b'a: 1\nb: "\\0"\n', errors.HiddenCharacter, 2),
        (b"\xef\xbb\xbfa: 1\n", errors.HiddenCharacter, 1),
        ("a: 1\nb: x\u202ey\n".encode(), errors.HiddenCharacter, 2),
        ("a: x\u2028b: y\n".encode(), errors.HiddenCharacter, 1),
        (b"a: 1\nb: \xff\n", errors.NotUtf8, 2),
        (b"\xff\xfea\x00", errors.NotUtf8, 1),
        (b'a: "\\ud800"\n', errors.NotYaml, 1),
        (b"a: 1\nb: [1, 2\n", errors.NotYaml, 3),
        (b"a: 1\nb: c: d\n", errors.NotYaml, 2),
        (b"", errors.NotYaml, 1),
        (b"# nothing\n", errors.NotYaml, 1),
        (b"[" * (MAX_DEPTH + 1), errors.YamlTooComplex, 1),
        (b"[" * 500_000, errors.YamlTooComplex, 1),
        (b"- " * 10_000, errors.YamlTooComplex, 1),
        (b"[" + b"1," * MAX_NODES + b"]", errors.YamlTooComplex, 1),
        (b"{a: " * 10_000, errors.YamlTooComplex, 1),
        (b"a" * 1100 + b": 1", errors.NotYaml, 1),
        (b"? " + b"a" * 1100 + b"\n: 1", errors.YamlTooComplex, 2),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(
    data: bytes, refusal: type[errors.PackageError], line: int
) -> None:
    with pytest.raises(refusal) as refused:
        read_yaml(data)
    assert refused.value.at.line == line
    assert f"line {line}, column " in refused.value.found


def test_a_file_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(errors.PackageTooLarge):
        read_yaml(b"\x00" * (MAX_BYTES + 1))


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(alphabet="-?:,[]{}#&*!|>'\"%@`~<. \n\tab0", max_size=60)))
def test_no_input_raises_anything_but_our_own_errors(data: bytes | str) -> None:
    with suppress(AtomError):
        read_yaml(data if isinstance(data, bytes) else data.encode())
