"""Digests of bytes and of JSON values, the same on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import rfc8785

from atom.package.errors import NotCanonical
from atom.package.model import Digest


def package_digest(data: bytes) -> Digest:
    """`"sha256:<64 lower-case hex>"` over exactly these bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def canonical_json(value: Any) -> bytes:
    """RFC 8785 (JCS) form of a JSON value. Raises NotCanonical for NaN, integers beyond ±(2^53-1) or broken text."""
    try:
        return rfc8785.dumps(value)
    except (ValueError, RecursionError) as error:
        raise NotCanonical(
            expected="a JSON value that RFC 8785 can write down",
            found=str(error) or type(error).__name__,
            remedy="use integers within ±(2^53-1), finite numbers and valid Unicode text",
        ) from error


def json_digest(value: Any) -> Digest:
    """Digest of the RFC 8785 form of a JSON value."""
    return package_digest(canonical_json(value))


def parameters_digest(parameters: Mapping[str, Any]) -> Digest:
    """Digest that an approval binds to: of the validated parameters, defaults filled in."""
    return json_digest(dict(parameters))
