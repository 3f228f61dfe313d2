"""Keyless signatures: by a short-lived certificate that a CA gave to an OIDC identity.

The steps are those of the Sigstore client specification. `sigstore` does the cryptography of certificates, SCTs, logs
and timestamps. It is asked step by step: its `Verifier.verify_artifact` refuses P-384 and P-521 leaves and in-toto
entries, leaves windows unenforced, and says why in prose only. A test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import ObjectIdentifier
from sigstore._internal.sct import _get_signed_certificate_timestamp, verify_sct
from sigstore._internal.timestamp import TimestampSource, TimestampVerificationResult
from sigstore._internal.trust import CTKeyring
from sigstore._utils import cert_is_leaf, cert_is_root_ca

from atom.trust.claim import Claim
from atom.trust.errors import (
    CertificateNotLogged,
    CertificateNotTrusted,
    IdentityNotTrusted,
    IdentityRevoked,
    PublicKeyUnreadable,
    SignatureMalformed,
    SignatureMismatch,
    TimestampRequired,
    TransparencyLogInvalid,
    TransparencyLogRequired,
)
from atom.trust.policy import TrustedIdentity, TrustPolicy
from atom.trust.proofs import Proofs
from atom.trust.prove import prove
from atom.trust.publickey import made_by, require_usable
from atom.trust.roots import TrustedRoot

# Fulcio's certificate extensions (docs/oid-info.md). The older issuer is a bare string, the newer a DER UTF8String.
_ISSUER_V1 = ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_ISSUER_V2 = ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_OTHER_NAME = ObjectIdentifier("1.3.6.1.4.1.57264.1.7")  # a username, in a SubjectAlternativeName.otherName


def verify_keyless(
    claim: Claim, policy: TrustPolicy, root: TrustedRoot, at: datetime
) -> tuple[list[TrustedIdentity], str, Proofs]:
    """The trusted identities that cover who signed, the subject as the certificate has it, and what is proven.

    1. Read the certificates: a code-signing leaf, and no root sent along.
    2. The leaf's key made the signature.
    3. The log holds this signature by this certificate; somebody trusted says when.
    4. The leaf chains to a CA of the root, and leaf and CA were valid at every such time.
    5. A certificate log of the root published the leaf.
    6. Trusted identities cover whom the leaf names, and none of them is revoked.
    """
    leaf = _leaf(claim)  # (1)
    _require_signature(leaf, claim)  # (2)

    if not claim.log_entries:  # (3)
        raise TransparencyLogRequired("no log entry")
    proofs = prove(claim, claim.certificates[0], root, required=True)
    if proofs.logged is None or not proofs.logged.proven:
        raise TransparencyLogInvalid("a promise without a proof of inclusion")
    if not proofs.times:
        raise TimestampRequired(
            expected="a time that a trusted timestamp authority or log signed",
            found=f"{len(claim.timestamps)} timestamps, none of them trusted, and no promise by the log",
        )

    chain: Sequence[x509.Certificate] = ()
    for time in proofs.times:  # (4)
        chain = _chain(leaf, time, root)

    _require_published(leaf, chain, root)  # (5)

    identities, subject = _identities(leaf, policy)  # (6)
    for identity in identities:
        if identity.revoked_at is not None and identity.revoked_at <= at:
            raise IdentityRevoked(identity)
    return identities, subject, proofs


def _leaf(claim: Claim) -> x509.Certificate:
    try:
        leaf, *others = (x509.load_der_x509_certificate(der) for der in claim.certificates)
        if any(cert_is_root_ca(other) for other in others):
            raise CertificateNotTrusted("a bundle that brings its own root certificate")
        is_leaf = cert_is_leaf(leaf)
    except CertificateNotTrusted:
        raise
    except Exception as error:  # ValueError, ExtensionNotFound, sigstore's own: it is not what it should be
        raise SignatureMalformed(expected="X.509 certificates as Sigstore issues them", found="others") from error
    if not is_leaf:
        raise CertificateNotTrusted("a certificate that is not for code signing")
    return leaf


def _require_signature(leaf: x509.Certificate, claim: Claim) -> None:
    try:
        key = require_usable(leaf.public_key())
    except (PublicKeyUnreadable, UnsupportedAlgorithm, ValueError, TypeError) as error:
        raise CertificateNotTrusted("one with a key that we do not verify with") from error
    if not made_by(key, claim.signature, claim.message):
        raise SignatureMismatch("the holder of the certificate")


def _chain(leaf: x509.Certificate, time: datetime, root: TrustedRoot) -> Sequence[x509.Certificate]:
    """The chain above the leaf, valid at `time` and up to a CA that counted then."""
    at = TimestampVerificationResult(source=TimestampSource.TRANSPARENCY_SERVICE, time=time)
    try:
        chain = root.sigstore._verify_chain_at_time(leaf, at)
        issuer = chain[0]
    except Exception as error:  # CertValidationError, and ValueError for certificates with odd contents
        raise CertificateNotTrusted(f"one that leads nowhere, or was not valid at {time:%F %T}Z") from error
    if not any(time in window for window in root.issuer_windows(issuer)):
        raise CertificateNotTrusted(f"one by a CA that did not count at {time:%F %T}Z")
    return chain


def _require_published(leaf: x509.Certificate, chain: Sequence[x509.Certificate], root: TrustedRoot) -> None:
    try:
        sct = _get_signed_certificate_timestamp(leaf)
        log = root.certificate_logs.get(sct.log_id)
        if log is None:
            raise CertificateNotLogged("one by a log that is not in the trusted root")
        if sct.timestamp.replace(tzinfo=UTC) not in log.window:
            raise CertificateNotLogged(f"one of {sct.timestamp:%F %T}Z, while the log's key counts from {log.window}")
        verify_sct(leaf, list(chain), CTKeyring(log.keyring))
    except CertificateNotLogged:
        raise
    except Exception as error:  # VerificationError, and TypeError or ValueError for keys and times that it never met
        raise CertificateNotLogged("none, several, or one that does not verify") from error


def _identities(leaf: x509.Certificate, policy: TrustPolicy) -> tuple[list[TrustedIdentity], str]:
    try:
        subjects, issuer = _subjects(leaf), _issuer(leaf)
    except ValueError as error:
        raise SignatureMalformed(expected="a certificate with a readable identity", found="one without") from error
    for subject in subjects:
        covering = [identity for identity in policy.identities if identity.covers(subject, issuer)]
        if covering:
            return covering, subject
    raise IdentityNotTrusted(policy.identities, subjects, issuer)


def _subjects(leaf: x509.Certificate) -> list[str]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    others = [_utf8(name.value) for name in names.get_values_for_type(x509.OtherName) if name.type_id == _OTHER_NAME]
    return [
        *names.get_values_for_type(x509.UniformResourceIdentifier),
        *names.get_values_for_type(x509.RFC822Name),
        *others,
    ]


def _issuer(leaf: x509.Certificate) -> str:
    extensions = {one.oid: one.value for one in leaf.extensions}
    newer, older = extensions.get(_ISSUER_V2), extensions.get(_ISSUER_V1)
    if isinstance(newer, x509.UnrecognizedExtension):
        return _utf8(newer.value)
    return older.value.decode() if isinstance(older, x509.UnrecognizedExtension) else ""


def _utf8(der: bytes) -> str:
    """The text of a DER UTF8String shorter than 64 KiB (X.690 §8.1.3, tag 0x0c). Raises ValueError."""
    if len(der) < 2 or der[0] != 0x0C:
        raise ValueError("no UTF8String")
    width = der[1] & 0x7F if der[1] & 0x80 else 0
    length = int.from_bytes(der[2 : 2 + width], "big") if width else der[1]
    text = der[2 + width :]
    if width > 2 or len(text) != length:
        raise ValueError("no UTF8String")
    return text.decode()
