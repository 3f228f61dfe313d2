"""Why a package, its expressions or its parameters are refused: one class per cause."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from atom.errors import InvalidInput, NotFound, TooLarge


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file: 1-based line and column, and the JSON pointer (RFC 6901) of the nearest node."""

    line: int
    column: int
    pointer: str = ""

    def __str__(self) -> str:
        where = f"line {self.line}, column {self.column}"
        return f"{where} ({self.pointer})" if self.pointer else where


class PackageError(InvalidInput):
    """The package is refused."""

    def __init__(self, at: Place, *, expected: str, found: str, remedy: str) -> None:
        self.at = at
        super().__init__(expected=expected, found=f"{found} at {at}", remedy=remedy)


class PackageTooLarge(TooLarge):
    """The package file is larger than a playbook may be."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            expected=f"at most {limit} bytes", found="more bytes than that", remedy="keep data out of the playbook"
        )


class NotUtf8(PackageError):
    """The file is not plain UTF-8 text."""


class NotYaml(PackageError):
    """The file is not one well-formed YAML document."""


class YamlTooComplex(PackageError):
    """The file nests deeper, or has more nodes, than a playbook needs."""


class YamlFeatureForbidden(PackageError):
    """The file uses a YAML feature that lets two readers see two different documents."""


class HiddenCharacter(PackageError):
    """The text contains a character that a reviewer cannot see."""


class DuplicateKey(PackageError):
    """A mapping has the same key twice."""


class KeyNotString(PackageError):
    """A mapping key is not a string."""


class NumberOutOfRange(PackageError):
    """A number cannot be carried exactly by every JSON reader."""


class SchemaViolation(PackageError):
    """The document does not follow the WPK v1 schema."""


class DuplicateStep(PackageError):
    """Two steps share an id."""


class UnknownStep(PackageError):
    """A step needs a step that does not exist."""


class StepCycle(PackageError):
    """Steps wait for each other in a circle."""


class NoSuchPlaybook(NotFound):
    """There is no playbook file at this path."""

    def __init__(self, path: Path) -> None:
        remedy = "check the path and its permissions"
        super().__init__(expected="a readable playbook file", found=str(path), remedy=remedy)


class ExpressionInvalid(InvalidInput):
    """A CEL expression does not compile."""


class ExpressionFailed(InvalidInput):
    """A CEL expression could not be evaluated."""


class ParameterSchemaInvalid(PackageError):
    """The package's parameter schema is not one that Atom can enforce."""


class ParametersInvalid(InvalidInput):
    """The parameters given for the run do not fit the package's parameter schema."""


class NotCanonical(InvalidInput):
    """The value has no canonical JSON form."""
