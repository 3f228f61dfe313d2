"""Sigstore bundles v0.1 to v0.3 (protobuf-specs, `sigstore_bundle.proto`, in its JSON form).

A bundle holds a signature over the bytes themselves, or a DSSE envelope around an in-toto statement about them, and
names its signer by a key hint or a certificate. Reading it binds it to the bytes as far as that needs no trust.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from atom.trust.claim import Claim, strict_base64
from atom.trust.errors import DigestMismatch, DsseSubjectMismatch, SignatureMalformed
from atom.trust.verification import Kind

MEDIA_TYPES = frozenset(
    {
        "application/vnd.dev.sigstore.bundle+json;version=0.1",
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
        "application/vnd.dev.sigstore.bundle+json;version=0.3",
        "application/vnd.dev.sigstore.bundle.v0.3+json",
    }
)
_STATEMENT_TYPES = {"https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"}
_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_MAX_TIMESTAMPS = 16
_HASHES = {"SHA2_256": hashlib.sha256, "SHA2_384": hashlib.sha384, "SHA2_512": hashlib.sha512}

_Base64 = Annotated[bytes, BeforeValidator(strict_base64)]


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class _MessageDigest(_Model):
    algorithm: str = ""  # protobuf's JSON leaves defaults out: cosign writes {} for Ed25519
    digest: _Base64 = b""


class _MessageSignature(_Model):
    message_digest: _MessageDigest | None = None
    signature: Annotated[_Base64, Field(min_length=1)]


class _EnvelopeSignature(_Model):
    sig: Annotated[_Base64, Field(min_length=1)]
    keyid: str = ""


class _Envelope(_Model):
    payload: _Base64
    payload_type: str
    signatures: list[_EnvelopeSignature]


class _PublicKey(_Model):
    hint: str = ""


class _Certificate(_Model):
    raw_bytes: _Base64


class _CertificateChain(_Model):
    certificates: list[_Certificate]


class _Timestamp(_Model):
    signed_timestamp: _Base64


class _Timestamps(_Model):
    rfc3161_timestamps: Annotated[list[_Timestamp], Field(max_length=_MAX_TIMESTAMPS)] = []


class _Material(_Model):
    public_key: _PublicKey | None = None
    certificate: _Certificate | None = None
    x509_certificate_chain: _CertificateChain | None = None
    tlog_entries: Annotated[list[dict[str, Any]], Field(max_length=1)] = []  # cosign omits it when empty
    timestamp_verification_data: _Timestamps | None = None


class _Bundle(_Model):
    media_type: str
    verification_material: _Material
    message_signature: _MessageSignature | None = None
    dsse_envelope: _Envelope | None = None


class _Subject(BaseModel):
    digest: dict[str, str]


class _Statement(BaseModel):
    type: Annotated[str, Field(alias="_type")]
    subject: list[_Subject]


def read_bundle(blob: bytes, fields: dict[str, Any], data: bytes) -> Claim:
    """The claim that `blob`, whose JSON is `fields`, signs `data`.

    Raises SignatureMalformed, DigestMismatch (the bundle names other bytes) or DsseSubjectMismatch.
    """
    media_type = fields.get("mediaType")
    if not isinstance(media_type, str) or media_type not in MEDIA_TYPES:
        raise SignatureMalformed(expected="a Sigstore bundle v0.1 to v0.3", found=f"mediaType {media_type!r}")
    try:
        bundle = _Bundle.model_validate(fields)
    except (ValidationError, RecursionError) as error:
        raise _malformed(error) from error
    message, signature, payload = _content(bundle, data)
    material = bundle.verification_material
    certificates = _certificates(material)
    stamps = material.timestamp_verification_data
    return Claim(
        kind=Kind.KEYLESS_BUNDLE if certificates else Kind.KEY_BUNDLE,
        blob=blob,
        message=message,
        signature=signature,
        payload=payload,
        hint=material.public_key.hint or None if material.public_key else None,
        certificates=certificates,
        log_entries=tuple(material.tlog_entries),
        timestamps=tuple(stamp.signed_timestamp for stamp in stamps.rfc3161_timestamps) if stamps else (),
    )


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """What a DSSE signature covers (DSSE v1, protocol.md §Signature definition)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _content(bundle: _Bundle, data: bytes) -> tuple[bytes, bytes, bytes | None]:
    """What the signature covers, the signature, and the DSSE payload if there is one."""
    match bundle.message_signature, bundle.dsse_envelope:
        case _MessageSignature() as signed, None:
            if signed.message_digest:
                _require_digest(signed.message_digest, data)
            return data, signed.signature, None
        case None, _Envelope() as envelope:
            if len(envelope.signatures) != 1:
                raise SignatureMalformed(
                    expected="one signature in the DSSE envelope", found=f"{len(envelope.signatures)} signatures"
                )
            _require_subject(envelope, data)
            message = pre_authentication_encoding(envelope.payload_type, envelope.payload)
            return message, envelope.signatures[0].sig, envelope.payload
        case _:
            raise SignatureMalformed(expected="either messageSignature or dsseEnvelope", found="none or both")


def _require_digest(named: _MessageDigest, data: bytes) -> None:
    if not named.digest:
        return
    if named.algorithm not in _HASHES:
        raise SignatureMalformed(expected=f"a digest by {', '.join(_HASHES)}", found=f"one by {named.algorithm!r}")
    actual = _HASHES[named.algorithm](data)
    if actual.digest() != named.digest:
        raise DigestMismatch(signed=f"{actual.name}:{named.digest.hex()}", actual=f"{actual.name}:{actual.hexdigest()}")


def _require_subject(envelope: _Envelope, data: bytes) -> None:
    if envelope.payload_type != _PAYLOAD_TYPE:
        raise SignatureMalformed(expected=f"a payload of type {_PAYLOAD_TYPE}", found=repr(envelope.payload_type))
    actual = hashlib.sha256(data).hexdigest()
    subjects = subject_digests(envelope.payload)
    if actual not in subjects:
        raise DsseSubjectMismatch([f"sha256:{digest}" for digest in subjects], f"sha256:{actual}")


def subject_digests(statement: bytes) -> list[str]:
    """The SHA-256 of every subject of an in-toto statement, in hex."""
    try:
        read = _Statement.model_validate_json(statement)
    except ValidationError as error:
        raise SignatureMalformed(expected="an in-toto statement in the envelope", found="something else") from error
    if read.type not in _STATEMENT_TYPES:
        raise SignatureMalformed(expected="an in-toto statement v0.1 or v1", found=repr(read.type))
    return [subject.digest["sha256"] for subject in read.subject if "sha256" in subject.digest]


def _certificates(material: _Material) -> tuple[bytes, ...]:
    """The signer's certificate and whatever was sent along; empty for a key. Exactly one way of naming the signer."""
    match material.public_key, material.certificate, material.x509_certificate_chain:
        case _PublicKey(), None, None:
            return ()
        case None, _Certificate() as one, None:
            return (one.raw_bytes,)
        case None, None, _CertificateChain(certificates=[_, *_] as chain):
            return tuple(certificate.raw_bytes for certificate in chain)
        case _:
            raise SignatureMalformed(
                expected="one of publicKey, certificate and x509CertificateChain, not empty", found="none or several"
            )


def _malformed(error: ValidationError | RecursionError) -> SignatureMalformed:
    if isinstance(error, RecursionError):
        return SignatureMalformed(expected="a Sigstore bundle", found="JSON nested too deeply")
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(step) for step in first["loc"])
    return SignatureMalformed(expected="a well-formed Sigstore bundle", found=f"at {where}: {first['msg']}")
