"""Reads YAML as data that every reader understands alike, or refuses it.

YAML as libraries usually load it is a risk at a trust boundary: anchors and merge keys expand a kilobyte into
gigabytes, the last of two equal keys silently wins, tags build objects, and YAML 1.1 turns `NO` into false and `22:22`
into 1342. So this guard walks PyYAML's C event stream, before anything is built, and lets through only what JSON can
say, with the scalars of the YAML 1.2 core schema (YAML 1.2.2 §10.3).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from atom.package.errors import (
    DuplicateKey,
    HiddenCharacter,
    KeyNotString,
    NotUtf8,
    NotYaml,
    NumberOutOfRange,
    PackageTooLarge,
    Place,
    YamlFeatureForbidden,
    YamlTooComplex,
)
from atom.package.pointers import nearest, pointer_to

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 40
MAX_NODES = 20_000
MAX_POINTER = 1024  # characters; without it, 20 000 nodes below one very long key would cost gigabytes of pointers
MAX_INTEGER = 2**53 - 1  # the largest that RFC 8785 and every JSON reader carry exactly

# C0/C1 controls but tab and line ends; line separators that YAML 1.1 and 1.2 read differently; bidirectional overrides,
# which make a reviewer see another text than the one that runs (CVE-2021-42574); byte order marks, non-characters.
_HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]")
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True, slots=True)
class Source:
    """A JSON value read from YAML, and the 1-based (line, column) of every JSON pointer in it.

    The place of a mapping's member is that of its key, so that a message about a missing value still has a line.
    """

    tree: Any
    lines: dict[str, tuple[int, int]]

    def place(self, pointer: str) -> Place:
        """Where `pointer` is, or its nearest parent that the file has."""
        line, column = nearest(self.lines, pointer)
        return Place(line, column, pointer)


def read_yaml(data: bytes) -> Source:
    """The one document in `data`.

    Costs time linear in the bytes. Raises PackageTooLarge, NotUtf8, HiddenCharacter, NotYaml, YamlTooComplex,
    YamlFeatureForbidden, DuplicateKey, KeyNotString or NumberOutOfRange, each but the first with its place.
    """
    if len(data) > MAX_BYTES:
        raise PackageTooLarge(MAX_BYTES)
    text = _decode(data)
    try:
        return _Reader(text).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        raise _not_yaml(at, (error.problem or "a syntax error").removeprefix("found ")) from error
    except yaml.YAMLError as error:
        raise _not_yaml(Place(1, 1), "text that the YAML reader refuses") from error


def _decode(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        at = Place(before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        raise NotUtf8(
            at, expected="UTF-8 text", found=f"the byte 0x{data[error.start]:02x}", remedy="save the file as UTF-8"
        ) from error
    if hidden := _HIDDEN.search(text):
        before_text = text[: hidden.start()]
        at = Place(before_text.count("\n") + 1, hidden.start() - before_text.rfind("\n"))
        raise _hidden(at, hidden.group())
    return text


class _Reader:
    """One pass over the events of one text; recursion is bounded by MAX_DEPTH."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self._nodes = 0
        self._lines: dict[str, tuple[int, int]] = {}

    def document(self) -> Source:
        next(self._events)  # StreamStart
        start = next(self._events)
        if isinstance(start, yaml.StreamEndEvent):
            raise _not_yaml(Place(1, 1), "an empty file")
        if start.version or start.tags:
            raise _forbidden(_place(start, ""), "a %YAML or %TAG directive", "delete the directive")
        root = next(self._events)
        self._mark(root, "")
        tree = self._node(root, "", 1)
        next(self._events)  # DocumentEnd
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise _forbidden(_place(after, ""), "a second document", "put each package in a file of its own")
        return Source(tree, self._lines)

    def _node(self, event: Any, pointer: str, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH or len(pointer) > MAX_POINTER:
            raise YamlTooComplex(
                _place(event, ""),
                expected=f"at most {MAX_NODES} nodes, nested at most {MAX_DEPTH} deep, with keys of ordinary length",
                found="more than that",
                remedy="split the playbook, or move data out of it",
            )
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _forbidden(_place(event, pointer), "an anchor or alias", "write the value out where it is used")
        if event.tag is not None:
            raise _forbidden(_place(event, pointer), "a tag", "delete the tag; quote the value if it must be a string")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event, pointer)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(pointer, depth)
        return self._mapping(pointer, depth)

    def _mark(self, event: Any, pointer: str) -> None:
        mark = event.start_mark
        self._lines[pointer] = (mark.line + 1, mark.column + 1)

    def _sequence(self, pointer: str, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            item = f"{pointer}/{len(items)}"
            self._mark(event, item)
            items.append(self._node(event, item, depth + 1))
        return items

    def _mapping(self, pointer: str, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, pointer, depth + 1)
            member = pointer + pointer_to([key])
            if key in members:
                at, found = _place(event, member), f"the key {key[:80]!r} again"
                raise DuplicateKey(at, expected="each key once", found=found, remedy="delete one of the two")
            self._mark(event, member)
            members[key] = self._node(next(self._events), member, depth + 1)
        return members

    def _key(self, event: Any, pointer: str, depth: int) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            found, remedy = "a list, mapping or alias", "use a plain key"
            raise KeyNotString(_place(event, pointer), expected="a string as key", found=found, remedy=remedy)
        if event.value == "<<" and event.implicit[0]:
            raise _forbidden(_place(event, pointer), "a merge key (<<)", "write the members out")
        key = self._node(event, pointer, depth)
        if not isinstance(key, str):
            found, remedy = f"the key {event.value[:80]!r}", "put the key in quotes"
            raise KeyNotString(_place(event, pointer), expected="a string as key", found=found, remedy=remedy)
        return key


def _scalar(event: yaml.ScalarEvent, pointer: str) -> str | int | float | bool | None:
    text = event.value
    if hidden := _HIDDEN.search(text):  # an escape such as "\0" in a double-quoted scalar
        raise _hidden(_place(event, pointer), hidden.group())
    if not event.implicit[0]:  # quoted, or a block scalar: always a string
        return text
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    number: int | float | None = None
    if _INT.fullmatch(text):
        number = _integer(text)
    elif _FLOAT.fullmatch(text):
        number = float(text)
    elif not _NOT_FINITE.fullmatch(text):
        return text
    if number is None or not math.isfinite(number):
        raise NumberOutOfRange(
            _place(event, pointer),
            expected=f"a finite number, integers within ±{MAX_INTEGER}",
            found=text[:40],
            remedy="put it in quotes if it is an identifier",
        )
    return number


def _integer(text: str) -> int | None:
    """None beyond MAX_INTEGER. int() takes quadratic time, so what is too long in any base is not even tried."""
    number = int(text, {"0o": 8, "0x": 16}.get(text[:2], 10)) if len(text) <= 64 else MAX_INTEGER + 1
    return number if abs(number) <= MAX_INTEGER else None


def _place(event: Any, pointer: str) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1, pointer)


def _not_yaml(at: Place, found: str) -> NotYaml:
    return NotYaml(at, expected="one well-formed YAML document", found=found, remedy="correct the YAML there")


def _forbidden(at: Place, found: str, remedy: str) -> YamlFeatureForbidden:
    expected = "plain mappings, lists and scalars in one document"
    return YamlFeatureForbidden(at, expected=expected, found=found, remedy=remedy)


def _hidden(at: Place, character: str) -> HiddenCharacter:
    return HiddenCharacter(
        at,
        expected="text whose every character can be seen",
        found=f"the character U+{ord(character):04X}",
        remedy="delete it (an editor that shows invisible characters helps)",
    )
