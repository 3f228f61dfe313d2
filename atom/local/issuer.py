"""The token issuer of one machine: an ES256 key, its public half as a JWKS, and tokens signed with it.

It stands in for a company's identity provider. Whoever can read the key file can be anybody, hence mode 0600.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey

from atom.local.errors import IssuerMissing
from atom.local.files import read_or_create, write_private

ISSUER = "http://atom.local"
AUDIENCE = "atom"
_ALGORITHM = "ES256"


def ensure_issuer(home: Path) -> Path:
    """Create the key and `issuers.json` ({issuer: JWKS}) once; returns the latter's path."""
    pem = read_or_create(_key_file(home), _make_key)
    key = ECKey.import_key(pem)
    issuers = home / "issuer" / "issuers.json"
    public = {**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig", "alg": _ALGORITHM}
    write_private(issuers, json.dumps({ISSUER: {"keys": [public]}}, indent=1))
    return issuers


def issue_token(home: Path, subject: str, roles: Sequence[str], tenant: str, ttl: int) -> str:
    """A bearer token for `subject`, good for `ttl` seconds from now. Raises IssuerMissing."""
    file = _key_file(home)
    if not file.exists():
        raise IssuerMissing(file)
    key = ECKey.import_key(file.read_bytes())
    now = int(time.time())
    header = {"alg": _ALGORITHM, "typ": "JWT", "kid": key.thumbprint()}
    claims: dict[str, object] = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "tenant": tenant, "roles": list(roles)}
    times = {"iat": now, "nbf": now, "exp": now + ttl}
    return jwt.encode(header, {**claims, **times}, key, algorithms=[_ALGORITHM])


def _key_file(home: Path) -> Path:
    return home / "issuer" / "key.pem"


def _make_key() -> bytes:
    return ECKey.generate_key("P-256").as_pem(private=True)
