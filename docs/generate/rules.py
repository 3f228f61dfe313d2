"""docs/gate-rules.md: every rule, from the value that the gate itself uses."""

from __future__ import annotations

from atom.gate.rule import Rule
from atom.gate.rules import all_rules
from atom.gate.score import CAUTION_FROM, PROBABILITY, UNSAFE_FROM
from docs.generate.markdown import table

SOURCE = "`atom/gate/rules/`"

_HEAD = """\
# The rules of the gate

The gate reads a package and runs nothing. Each rule that objects to a place gives a *finding*. The findings give a
score from 0 to 100, and the score gives the class:

{classes}

A finding counts as a chance that a run does harm; the score is the chance that at least one of them does. A rule counts
once for each object that it objects to. Without a critical or high finding the score stays below {unsafe}: many small
doubts call for a person, they prove no harm.

{weights}

A run starts by itself (mode `auto`) only if the package is safe, does not ask for a person, destroys nothing, and every
change it makes can be taken back. In every other case (mode `manual`) a second person has to approve. See
[writing a package](author/README.md) for how to answer a finding, and
[adding a rule](contributor/README.md#add-a-rule) for how rules are made.

## All rules

{rules}
"""

_ONE = """\
### {id} {name}

{severity}. {why}

**Remedy.** {remedy}

Objects to:

```yaml
{bad}
```

Lets pass:

```yaml
{good}
```

Source: {sources}.
"""


def page() -> str:
    classes = [
        ("safe", f"below {CAUTION_FROM}", "may start by itself"),
        ("caution", f"{CAUTION_FROM} to {UNSAFE_FROM - 1}", "a second person decides"),
        ("unsafe", f"{UNSAFE_FROM} and more", "is kept, and does not run"),
    ]
    overview = [(f"[{r.id}](#{r.id.lower()}-{r.name})", r.name, r.severity.value, r.why) for r in all_rules()]
    head = _HEAD.format(
        classes=table(["class", "score", "what follows"], classes),
        weights=table(["severity", "counts as"], [(s.value, f"{p:.0%}") for s, p in PROBABILITY.items()]),
        unsafe=UNSAFE_FROM,
        rules=table(["rule", "name", "severity", "why"], overview),
    )
    return head + "\n" + "\n".join(_one(rule) for rule in all_rules())


def _one(rule: Rule) -> str:
    return _ONE.format(
        id=rule.id,
        name=rule.name,
        severity=rule.severity.value.capitalize(),
        why=rule.why,
        remedy=rule.remedy,
        bad="\n".join(rule.bad),
        good="\n".join(rule.good),
        sources="; ".join(rule.sources),
    )
