"""Takes personal data and secrets out of free text before it is embedded or exported.

Redaction is a net, not a proof: text that matters is kept out of the data by construction (see `runs.describe`), and
what is left goes through here. Every pattern is linear in the text's length, and the text is cut at 16 Ki characters.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

POLICY = "r1"  # raise it whenever a pattern changes: rows say which policy cleaned them
_LONGEST = 16_384


@dataclass(frozen=True, slots=True)
class Hits:
    """How many places of each kind were replaced. The names are those of the published row schema."""

    EMAIL: int = 0
    ID: int = 0
    IP: int = 0
    SECRET: int = 0


@dataclass(frozen=True, slots=True)
class Redacted:
    text: str
    hits: Hits


_SECRETS = [
    # PEM (RFC 7468): the whole block, or to the end of the text if its end is missing
    re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}-----.*?(?:-----END [A-Z0-9 ]{1,40}-----|\Z)", re.DOTALL),
    # JWT / JWS compact form (RFC 7515 §3.1): base64url of '{"' is eyJ
    re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?"),
    # AWS access key ids (IAM user guide, "unique identifiers"), and the tokens of well-known services by their prefix
    re.compile(r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{16}\b"),
    re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|sk-|xox[abprs]-|hvs\.|hvb\.|s\.)[\w-]{16,}"),
    # Authorization headers (RFC 6750, RFC 7617)
    re.compile(r"\b(?:bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE),
    # credentials in a URL (RFC 3986 §3.2.1)
    re.compile(r"(?<=://)[^\s/@:]{0,256}:[^\s/@]{1,256}(?=@)"),
    # name = value, where the name says that it is a secret
    re.compile(
        r"\b[\w-]{0,40}(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)[\w-]{0,20}"
        r"[\"']?\s{0,3}[:=]\s{0,3}(?:\"[^\"]{1,512}\"|'[^']{1,512}'|[^\s,;\"']{1,512})",
        re.IGNORECASE,
    ),
]
_EMAIL = re.compile(r"[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
_ADDRESSES = [  # only where `ipaddress` agrees
    re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)"),
    re.compile(r"(?<![\w.:])[0-9A-Fa-f:]{3,39}(?:\.\d{1,3}){0,3}(?![\w:])"),
]
_IDS = [
    re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE),  # UUID (RFC 9562 §4)
    re.compile(r"\bsha256:[0-9a-f]{64}\b"),
    # pod names: <owner>-<template hash>-<suffix>, in the alphabet of Kubernetes' SafeEncodeString
    re.compile(r"(?<=-)[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}\b"),
]
_DENSE = re.compile(r"[A-Za-z0-9+/_]{20,}={0,2}")  # `=` only as padding: `readyReplicas=…` is no secret


def redact(text: str) -> Redacted:
    """`text` with every hit replaced by its kind in angle brackets, and the number of hits of each kind."""
    hits: Counter[str] = Counter()

    def put(kind: str, doubtful: Callable[[str], bool] = lambda _: False) -> Callable[[re.Match[str]], str]:
        def replace(match: re.Match[str]) -> str:
            if doubtful(match[0]):
                return match[0]
            hits[kind] += 1
            return f"<{kind}>"

        return replace

    text = text[:_LONGEST]
    for pattern in _SECRETS:
        text = pattern.sub(put("SECRET"), text)
    text = _EMAIL.sub(put("EMAIL"), text)
    for pattern in _IDS:
        text = pattern.sub(put("ID"), text)
    for pattern in _ADDRESSES:
        text = pattern.sub(put("IP", doubtful=lambda found: not _is_address(found)), text)
    text = _DENSE.sub(put("SECRET", doubtful=lambda found: not _is_random(found)), text)
    return Redacted(text, Hits(**hits))


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def _is_random(text: str) -> bool:
    """Does it look drawn at random?

    Words, paths and metric names of this length are common in errors and seldom secret, so there must be digits, and
    either both cases (then 3.5 bits a character, as base64 has) or neither `/` nor `_` (then 3.0, detect-secrets'
    limit for hexadecimal strings).
    """
    if not any(c.isdigit() for c in text) or not any(c.isalpha() for c in text):
        return False
    mixed = any(c.islower() for c in text) and any(c.isupper() for c in text)
    return (mixed and _entropy(text) >= 3.5) or (not set("/_") & set(text) and _entropy(text) >= 3.0)


def _entropy(text: str) -> float:
    """Shannon entropy, bits a character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())
