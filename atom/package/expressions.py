"""CEL expressions: compiled at upload, evaluated by the runtime. The only file that knows which library does it.

An expression sees plain JSON values under five names and returns one. It cannot call out, loop without bound or keep
state; what CEL leaves open (a short expression that doubles a string thirty times) is closed in `_refuse_growth`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from cel_expr_python import cel

from atom.package.errors import ExpressionFailed, ExpressionInvalid

VARIABLES = ("params", "steps", "preflight", "result", "event")
MAX_LENGTH = 2048  # characters
MAX_DEPTH = 100  # of lists and objects in a result
MAX_MACROS = 4
MAX_GROWERS = 24

_MACRO = re.compile(r"\b(?:map|filter|all|exists|exists_one)\b")


@dataclass(frozen=True, slots=True)
class Expression:
    """One compiled CEL expression. May be used by several threads at once.

    `result_type` is what the type checker knows: BOOL, STRING, INT, …, or DYN where it depends on the data.
    """

    text: str
    result_type: str
    _program: Any = field(repr=False, compare=False)

    def evaluate(self, scope: Mapping[str, Any]) -> Any:
        """The value as plain JSON (None, bool, int, float, str, list, dict with string keys).

        `scope` maps names of VARIABLES to plain JSON values. As in CEL, `1` and `1.0` compare equal but are not added
        or multiplied with each other: write `double(x)`. Raises ExpressionFailed, also past the library's iteration
        budget (10 000).
        """
        try:
            value = self._program.eval(data=dict(scope))
            plain = value.plain_value()
        except Exception as error:  # a C++ library: RuntimeError, ValueError, TypeError, MemoryError, …
            raise _failed(self.text, _first_line(error)) from error
        if value.type() == cel.Type.ERROR:
            raise _failed(self.text, str(plain))
        if not _is_json(plain):
            raise _failed(self.text, f"a value of type {value.type().name()}, or a depth, that JSON here cannot carry")
        return plain


@lru_cache(maxsize=2048)
def compile_expression(text: str) -> Expression:
    """Parse and type-check. Raises ExpressionInvalid with the column; costs ≈ 0.2 ms, repeated texts are remembered."""
    if not 0 < len(text) <= MAX_LENGTH:
        raise _invalid(text, f"{len(text)} characters", f"write 1 to {MAX_LENGTH} characters")
    _refuse_growth(text)
    try:
        program = _environment().compile(text)
        return Expression(text, program.return_type().name(), program)
    except Exception as error:
        remedy = f"correct the expression; the names are {', '.join(VARIABLES)}"
        raise _invalid(text, _first_line(error), remedy) from error


def resolve(values: Any, scope: Mapping[str, Any]) -> Any:
    """A copy of the JSON value `values` in which every object `{"cel": "…"}` is replaced by what it evaluates to."""
    if isinstance(values, Mapping):
        if is_expression(values):
            return compile_expression(values["cel"]).evaluate(scope)
        return {key: resolve(value, scope) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [resolve(value, scope) for value in values]
    return values


def is_expression(value: object) -> bool:
    """Whether a JSON value stands for the result of an expression."""
    return isinstance(value, Mapping) and value.keys() == {"cel"} and isinstance(value["cel"], str)


@cache
def _environment() -> cel.Env:
    return cel.NewEnv(variables=dict.fromkeys(VARIABLES, cel.Type.DYN))


def _refuse_growth(text: str) -> None:
    """Keep what an expression builds within a small multiple of what it is given.

    The library bounds iterations, not memory: `[x].map(a, a+a+a+a)` chained ten times makes gigabytes from one word.
    With m macros and g operators that combine values, a value grows at most (1 + g/m)^m times. Counting characters
    instead of parsing errs on the strict side only.
    """
    macros = len(_MACRO.findall(text))
    growers = text.count("+") + text.count(",") - macros
    if macros > MAX_MACROS or (macros > 1 and growers > MAX_GROWERS):
        raise _invalid(
            text,
            f"{macros} macros (map, filter, all, exists) and {growers} operators that combine values",
            f"use at most {MAX_MACROS} macros, and at most {MAX_GROWERS} of '+' and ',' beside two or more of them",
        )


def _is_json(value: object, room: int = MAX_DEPTH) -> bool:
    if isinstance(value, list):
        return room > 0 and all(_is_json(item, room - 1) for item in value)
    if isinstance(value, dict):
        return room > 0 and all(isinstance(key, str) and _is_json(item, room - 1) for key, item in value.items())
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool | int | str)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].removeprefix("INVALID_ARGUMENT: ERROR: <input>:") if lines else type(error).__name__


def _invalid(text: str, found: str, remedy: str) -> ExpressionInvalid:
    found = f"{found} in `{text[:200]}`"
    return ExpressionInvalid(expected="a CEL expression that compiles", found=found, remedy=remedy)


def _failed(text: str, found: str) -> ExpressionFailed:
    return ExpressionFailed(
        expected=f"a value of `{text[:200]}`", found=found[:500], remedy="check the data that the expression reads"
    )
