"""Small builders: packages, keys, signed uploads. Each test says only what matters to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from atom.trust.keys import generate_key_pair, load_private_key
from atom.trust.sign import sign_bundle, sign_detached

ROOT = Path(__file__).parent.parent
PLAYBOOKS = ROOT / "examples" / "playbooks"
PASSWORD = b"correct horse"


@dataclass(frozen=True)
class Signer:
    """A key pair that can sign."""

    name: str
    private_pem: str
    public_pem: str

    def bundle(self, data: bytes) -> bytes:
        return sign_bundle(data, load_private_key(self.private_pem, PASSWORD))

    def detached(self, data: bytes) -> bytes:
        return sign_detached(data, load_private_key(self.private_pem, PASSWORD))


@cache
def signer(name: str = "release") -> Signer:
    """The same key for the same name all session long: scrypt takes a tenth of a second."""
    private, public = generate_key_pair(PASSWORD)
    return Signer(name, private, public)


def playbook(name: str = "restart-unhealthy", *, version: str | None = None) -> bytes:
    """An example package, at another version if wanted."""
    data = next(PLAYBOOKS.rglob(f"{name}.wpk.yaml")).read_bytes()
    return data.replace(b"version: 1.0.0", f"version: {version}".encode(), 1) if version else data
