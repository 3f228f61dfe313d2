"""Somebody who reads a page and does what it says: a shell, and a memory for the ids that were really shown."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from atomctl.dagster import Dagster
from tests.docs.pages import ROOT, Command, Launch

_END = "END OF COMMAND"
# What differs from one reader to the next, and is typed again further down: ids, dataset versions.
_VARYING = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|\d{4}\.\d\d\.\d\d\.\d+")
_NO_SETTINGS = re.compile(
    r"ATOM_|POSTGRES_|VAULT_|S3_|AWS_|MILVUS_|DAGSTER_|COSIGN_|DATASET_|OPENAI_|KUBECONFIG|PROM_URL"
)


class NotAsWritten(AssertionError):
    """A page promises what does not happen."""


class Reader:
    """A shell in `folder`, which looks like the repository; `home` is where a running stack keeps its state."""

    def __init__(self, folder: Path, home: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)
        for name in ("examples", "docs", "infra", "atom", "migrations", "pyproject.toml"):
            if not (folder / name).exists():
                (folder / name).symlink_to(ROOT / name)
        if not (folder / ".atom").exists():
            (folder / ".atom").symlink_to(home)
        ours = {name: value for name, value in os.environ.items() if not _NO_SETTINGS.match(name)}
        binaries = Path(sys.executable).parent
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=ours
            | {"PATH": f"{binaries}:{ours['PATH']}", "COSIGN_PASSWORD": "correct horse", "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._known: dict[str, str] = {}  # what the page shows -> what was really shown

    def close(self) -> None:
        os.killpg(self._shell.pid, signal.SIGKILL)  # whatever a page left running in the background, too
        self._shell.communicate()

    def does(self, action: Command | Launch) -> None:
        """Raises NotAsWritten."""
        if isinstance(action, Launch):
            _, url = self._run('echo "$DAGSTER_URL"')
            with Dagster(url.strip()) as dagster:
                dagster.wait(dagster.launch(action.job), seconds=120)
            return
        typed = _VARYING.sub(lambda found: self._known.get(found[0], found[0]), action.text)
        code, output = self._run(typed)
        told = f"\n$ {typed}\n{output}"
        if code != action.exit_code:
            raise NotAsWritten(f"exit code {action.exit_code} was promised, {code} came:{told}")
        rest = output
        for line in action.shows:
            found = re.search(self._pattern(line), rest, re.MULTILINE)
            if found is None:
                raise NotAsWritten(f"no line like {line!r}:{told}")
            self._known |= dict(zip(self._unknown(line), found.groups(), strict=True))
            rest = rest[found.end() :]

    def _run(self, text: str) -> tuple[int, str]:
        """Exit code and output, standard error included."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{{ {text}\n}} </dev/null 2>&1; printf '\\n{_END} %d\\n' $?\n")
        self._shell.stdin.flush()
        output: list[str] = []
        for line in self._shell.stdout:
            if line.startswith(_END):
                return int(line.split()[-1]), "".join(output)
            output.append(line)
        raise NotAsWritten(f"the shell ended:\n$ {text}\n{''.join(output)}")

    def _pattern(self, line: str) -> str:
        """A whole line as the page shows it: any spacing, `…` for anything, a group for each varying word not met before."""
        new = set(self._unknown(line))
        words: list[str] = []
        for word in line.split():
            if (bare := _VARYING.search(word)) and bare[0] in new:
                new.remove(bare[0])
                words.append(_VARYING.pattern.join(("(", ")")))
            else:
                known = _VARYING.sub(lambda found: self._known.get(found[0], found[0]), word)
                words.append(".*?".join(map(re.escape, known.split("…"))))
        return r"^\s*" + r"\s+".join(words).replace(r"\s+.*?", ".*?") + r"\s*$"

    def _unknown(self, line: str) -> list[str]:
        return list(dict.fromkeys(word for word in _VARYING.findall(line) if word not in self._known))
