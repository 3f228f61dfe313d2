"""Patterns of shell text, as far as they show without a grammar.

Every expression here is linear in the text: each repetition before a match is bounded.
"""

from __future__ import annotations

import re

_FETCH = re.compile(r"\b(?:curl|wget|fetch|aria2c|base64|xxd|openssl)\b")
_PATH = r"(?:\S{0,64}/)?"
_SHELL = _PATH + r"(?:ba|da|z|k|a)?sh\b"
_PREFIX = r"(?:(?:sudo|env|exec|nohup|command)\s+(?:-\w{1,8}\s+)?){0,4}"
# without arguments they run what they read; `python -m json.tool` does not
_OTHERS = _PATH + r"(?:python[0-9.]{0,6}|perl|ruby|node|php)\s*(?:-\s*)?(?:$|[|;&)>\"'])"
_INTO_SHELL = re.compile(rf"\|&?\s*{_PREFIX}(?:{_SHELL}|{_OTHERS})")
_RUNS_TEXT = re.compile(rf"(?:^|[\s;&|(])(?:eval|source|exec|\.|{_SHELL})\s")
_FETCHED = re.compile(rf"(?:<\(|\$\(|`)\s*{_PATH}(?:curl|wget)\b")
_STARTS_FETCHED = re.compile(rf"\s*[\"']?(?:\$\(|`)\s*{_PATH}(?:curl|wget)\b")
_CONTINUED = re.compile(r"\\\n|(?<=\|)[ \t]*\n|\n[ \t]*(?=\|)")


def runs_fetched_text(script: str) -> str | None:
    """The first line that hands downloaded or decoded text to an interpreter, or None."""
    for line in _CONTINUED.sub(" ", script).splitlines():
        fetch = _FETCH.search(line)
        if not fetch:
            continue
        piped = _INTO_SHELL.search(line, fetch.end())
        runner, fetched = _RUNS_TEXT.search(line), None
        if runner:
            fetched = _FETCHED.search(line, runner.end())
        if piped or fetched or _STARTS_FETCHED.match(line):
            return line.strip()
    return None
