"""Checks an evidence file with nothing but the file and, better, a public key the auditor got from elsewhere."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

import rfc8785

from atom.evidence.errors import EvidenceBroken, EvidenceMalformed
from atom.evidence.file import SCHEMA
from atom.evidence.records import parse_time, sha256
from atom.package.digests import parameters_digest
from atom.trust.policy import TrustedKey, TrustPolicy
from atom.trust.verify import verify_signature

MAX_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proved, and what this file alone can not prove, in plain sentences."""

    proved: tuple[str, ...]
    not_proved: tuple[str, ...]


def verify_file(data: bytes, *, public_key: str | None = None) -> Proof:
    """Checks the evidence file `data`; `public_key` (PEM) is the signer's key as the auditor knows it.

    1. Every record's bytes hash to what the file says, and say the same as their readable copy.
    2. Records that follow each other in the log are linked; the sequence only grows.
    3. The package's bytes hash to the digest that the records name, and the signature over them verifies.
    4. Parameters and verdict hash to the digests that requester and approvers saw.
    5. The final record tells the state that the file tells; all records are of this run, package and signer.

    Raises EvidenceMalformed or EvidenceBroken naming the first contradiction, or an error of atom.trust.
    """
    try:
        return _prove(_parse(data), public_key)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:  # nothing is where it should be
        raise EvidenceMalformed(f"{type(error).__name__}: {error}") from error


def _prove(evidence: dict[str, Any], public_key: str | None) -> Proof:
    records = [_checked(record) for record in evidence["records"]]
    if not records:
        raise EvidenceBroken("records", "at least the request of the run", "none: the sealer has not come by yet")
    _linked(evidence["records"], records)
    signer = _package(evidence, records, public_key)
    _bindings(evidence, records)
    _ending(evidence, records)
    name, verdict = f"{evidence['package']['name']} {evidence['package']['version']}", evidence["verdict"]
    proved = [
        f"{len(records)} audit records are intact, from seq {records[0]['seq']} to {records[-1]['seq']}",
        f"the package is exactly {name}, {evidence['package']['digest']}, signed by {signer}",
        f"the parameters{'' if verdict is None else ' and the verdict'} are the ones that requester and approvers saw",
        f"the run ended as {evidence['run']['status']} ({evidence['run']['outcome']})",
    ]
    missing = ["that no other record of this run exists: compare with the object store or a saved log head"]
    if verdict is None:
        missing.append("what the verdict said: it is not in the file")
    if public_key is None:
        missing.append("whose key signed the package: give the signer's public key with --key")
    return Proof(tuple(proved), tuple(missing))


def _parse(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise EvidenceMalformed(f"more than {MAX_BYTES} bytes")
    try:
        evidence = json.loads(data)
    except ValueError as error:
        raise EvidenceMalformed(f"no JSON: {error}") from error
    if not isinstance(evidence, dict) or evidence.get("schema") != SCHEMA:
        raise EvidenceMalformed("another schema")
    missing = {"run", "package", "signature", "parameters", "verdict", "records"} - evidence.keys()
    if missing:
        raise EvidenceMalformed(f"no member {sorted(missing)[0]}")
    return evidence


def _checked(record: dict[str, Any]) -> dict[str, Any]:
    what = f"record {record.get('seq')}"
    raw = _decode(record.get("bytes"), what)
    if sha256(raw) != record.get("hash"):
        raise EvidenceBroken(what, f"bytes with hash {record.get('hash')}", sha256(raw))
    content: dict[str, Any] = json.loads(raw)
    if rfc8785.dumps(content) != raw:
        raise EvidenceBroken(what, "canonical JSON (RFC 8785)", "another spelling")
    if content != record.get("content") or content.get("seq") != record.get("seq"):
        raise EvidenceBroken(what, "a readable copy that says what the bytes say", "another one")
    parse_time(content["recordedAt"])
    return content


def _linked(entries: list[dict[str, Any]], records: list[dict[str, Any]]) -> None:
    for before, entry, record in zip(entries, entries[1:], records[1:], strict=False):
        if entry["seq"] <= before["seq"]:
            raise EvidenceBroken(f"record {entry['seq']}", f"a seq above {before['seq']}", str(entry["seq"]))
        if entry["seq"] == before["seq"] + 1 and record["prevRecordHash"] != before["hash"]:
            raise EvidenceBroken(f"record {entry['seq']}", f"a link to {before['hash']}", record["prevRecordHash"])


def _package(evidence: dict[str, Any], records: list[dict[str, Any]], public_key: str | None) -> str:
    package, signature = evidence["package"], evidence["signature"]
    data = _decode(package["bytes"], "package")
    if sha256(data) != package["digest"]:
        raise EvidenceBroken("package", package["digest"], sha256(data))
    pem = public_key or signature["public_key"]
    if pem is None:
        raise EvidenceBroken("signature", "a public key in the file or by --key", "neither")
    policy = TrustPolicy(keys=(TrustedKey(name=signature["signer"], pem=pem),))
    at = parse_time(records[0]["recordedAt"])
    return verify_signature(data, _decode(signature["material"], "signature"), policy, package["name"], at).signer


def _bindings(evidence: dict[str, Any], records: list[dict[str, Any]]) -> None:
    package, signature = evidence["package"], evidence["signature"]
    told = {
        "runId": evidence["run"]["id"],
        "package": f"{package['name']}@{package['version']}",
        "packageDigest": package["digest"],
        "signer": signature["signer"],
        "keyId": signature["key_id"],
        "parametersDigest": parameters_digest(evidence["parameters"]),
    }
    if evidence["verdict"] is not None:
        told["verdictDigest"] = sha256(rfc8785.dumps(evidence["verdict"]))
    for record in records:
        for part in (record, *(record.get(name, {}) for name in ("policy", "run", "signature"))):
            for name in told.keys() & part.keys():
                if part[name] != told[name]:
                    raise EvidenceBroken(f"record {record['seq']}, {name}", str(part[name]), str(told[name]))


def _ending(evidence: dict[str, Any], records: list[dict[str, Any]]) -> None:
    final = [record for record in records if record["type"] == "run.finished"]
    told = (evidence["run"]["status"], evidence["run"]["outcome"])
    if len(final) != 1:
        raise EvidenceBroken(
            "final record", "exactly one", f"{len(final)}: the run has not ended, or is not sealed yet"
        )
    recorded = (final[0]["outcome"]["status"], final[0]["outcome"]["outcome"])
    if told != recorded:
        raise EvidenceBroken("final record", str(recorded), str(told))


def _decode(text: Any, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise EvidenceBroken(what, "base64", "something else") from error
