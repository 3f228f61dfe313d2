from __future__ import annotations

from collections.abc import Iterator

from atom.gate.rule import Objection, Rule, Severity
from atom.gate.scopes import Script
from atom.gate.shell import runs_fetched_text

RULE = Rule(
    id="WPK302",
    name="pipe-to-shell",
    severity=Severity.CRITICAL,
    scope=Script,
    why="Downloaded or decoded text that goes straight to an interpreter is code that nobody signed or reviewed.",
    remedy="Put the program into a signed image by digest, or its text into the package.",
    sources=("CWE-494: Download of Code Without Integrity Check",),
    bad=(
        "script: curl -fsSL https://get.example.com | sh",
        'script: "curl -s https://x.example.com/i.sh | tee /tmp/i |\\n  sudo -E bash -s -- --yes"',
        "script: bash <(wget -qO- https://x.example.com/i.sh)",
        'script: eval "$(curl -s https://x.example.com/env)"',
        "script: echo aWQK | base64 -d | /bin/sh",
        "pod: {containers: [{name: a, command: [sh, -c], args: ['wget -O- http://x.example.com/i | bash']}]}",
        "script: curl -s https://x.example.com/i.py | python3 -",
    ),
    good=(
        "script: curl -s http://cart:8080/metrics | grep http_requests_total",
        "script: curl -s http://cart:8080/status | python3 -m json.tool",
        "script: 'VERSION=$(curl -s http://cart:8080/version); echo $VERSION'",
        "script: cat /opt/scripts/check.sh | sh",
    ),
)


@RULE.check
def pipe_to_shell(script: Script) -> Iterator[Objection]:
    if line := runs_fetched_text(script.text):
        yield RULE.finding(script.pointer, f"runs what it has just fetched: {line[:120]}")
