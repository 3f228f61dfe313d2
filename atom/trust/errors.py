"""Why a signature, a key or a trust policy was refused: one class per cause.

`TrustError` marks them all, so that a caller can quarantine an upload whatever the reason. The second base is the kind:
`InvalidInput` where nothing that we trust vouches for the bytes, `Forbidden` where the signature is genuine but its
signer may not, or may no longer, sign this.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from atom.errors import AtomError, Forbidden, InvalidInput, TooLarge

if TYPE_CHECKING:
    from atom.trust.policy import TrustedIdentity, TrustedKey

_SIGN_AGAIN = "sign the file with `atomctl sign` (or `cosign sign-blob --key … --bundle …`) and upload both"
_NEW_BUNDLE = "sign again with cosign 3, or with cosign 2 and `--new-bundle-format`, and upload the new bundle"


class TrustError(AtomError):
    """The signature was refused."""


# --- the material -----------------------------------------------------------------------------------------------------


class Unsigned(TrustError, InvalidInput):
    """There is no signature."""

    def __init__(self) -> None:
        super().__init__(
            expected="a Sigstore bundle, or a detached base64 signature", found="nothing", remedy=_SIGN_AGAIN
        )


class SignatureTooLarge(TrustError, TooLarge):
    """The signature material is larger than any real signature."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            expected=f"at most {limit} bytes of signature material",
            found=f"{size} bytes",
            remedy="upload the signature or bundle itself, not the signed file",
        )


class SignatureMalformed(TrustError, InvalidInput):
    """The signature material cannot be read."""

    def __init__(self, *, expected: str, found: str) -> None:
        super().__init__(expected=expected, found=found, remedy=_SIGN_AGAIN)


class LegacyKeylessRefused(TrustError, InvalidInput):
    """A keyless signature in cosign's old bundle format cannot be verified offline."""

    def __init__(self) -> None:
        super().__init__(
            expected="a Sigstore bundle (v0.1 to v0.3), which carries its proof of inclusion in the log",
            found="cosign's legacy JSON bundle with a certificate",
            remedy=_NEW_BUNDLE,
        )


# --- the bytes --------------------------------------------------------------------------------------------------------


class DigestMismatch(TrustError, InvalidInput):
    """The signature was made for other bytes."""

    def __init__(self, *, signed: str, actual: str) -> None:
        super().__init__(
            expected=f"a file with digest {signed}, which the bundle names",
            found=f"one with digest {actual}",
            remedy="upload the very file that was signed; line endings and re-packing change it",
        )


class DsseSubjectMismatch(TrustError, InvalidInput):
    """The signed statement is about another file."""

    def __init__(self, subjects: Sequence[str], actual: str) -> None:
        super().__init__(
            expected=f"a statement with the subject {actual}",
            found=f"the subjects {', '.join(subjects[:5]) or 'none'}",
            remedy="upload the statement that was made for this very file",
        )


class SignatureMismatch(TrustError, InvalidInput):
    """The signature does not fit these bytes and this signer."""

    def __init__(self, signers: str) -> None:
        super().__init__(
            expected=f"a signature over exactly these bytes by {signers}",
            found="one that does not verify: the file or the signature was changed, or another key made it",
            remedy=_SIGN_AGAIN,
        )


# --- the key ----------------------------------------------------------------------------------------------------------


class NoTrustedKey(TrustError, InvalidInput):
    """No trusted key made this signature."""

    def __init__(self, known: Sequence[TrustedKey], hint: str | None) -> None:
        super().__init__(
            expected=f"a signature by a trusted key: {', '.join(key.name for key in known[:20]) or 'there are none'}",
            found=f"one that says it was made by the key {hint}" if hint else "one by an unnamed key",
            remedy="sign with a trusted key, or ask an admin to register yours",
        )


class KeyExpired(TrustError, Forbidden):
    """The signature is good, but its key had expired when it was made."""

    def __init__(self, key: TrustedKey, signed_at: datetime) -> None:
        super().__init__(
            expected=f"a signature made before {key.not_after:%F %T}Z",
            found=f"one of {signed_at:%F %T}Z by key {key.name}",
            remedy="sign again with a current key, or ask an admin to extend this one",
        )


class KeyNotYetValid(TrustError, Forbidden):
    """The signature is good, but it was made before its key became valid."""

    def __init__(self, key: TrustedKey, signed_at: datetime) -> None:
        super().__init__(
            expected=f"a signature made from {key.not_before:%F %T}Z on",
            found=f"one of {signed_at:%F %T}Z by key {key.name}",
            remedy="sign again once the key is valid, or ask an admin to correct its start",
        )


class KeyRevoked(TrustError, Forbidden):
    """The signature is good, but its key was revoked."""

    def __init__(self, key: TrustedKey) -> None:
        super().__init__(
            expected="a signature by a key that is still trusted",
            found=f"one by key {key.name}, revoked on {key.revoked_at:%F %T}Z",
            remedy="sign again with another trusted key; whatever the revoked one signed is not trusted any more",
        )


class SignerOutOfScope(TrustError, Forbidden):
    """The signature is good, but its signer may not sign packages of this name."""

    def __init__(self, signer: str, pattern: str, package_name: str) -> None:
        super().__init__(
            expected=f"a package named like {pattern}, all that {signer} may sign",
            found=f"the package {package_name}",
            remedy="sign with a key whose scope covers this package, or ask an admin to widen this one's",
        )


# --- certificates, logs and time --------------------------------------------------------------------------------------


class TrustedRootMissing(TrustError, InvalidInput):
    """Keyless signatures are not accepted here: there is no trusted root."""

    def __init__(self) -> None:
        super().__init__(
            expected="a signature by a trusted key",
            found="one by a certificate, and no trusted root to verify it against",
            remedy="sign with a trusted key, or ask an admin to register a Sigstore trusted root",
        )


class CertificateNotTrusted(TrustError, InvalidInput):
    """The signing certificate does not lead to the trusted root."""

    def __init__(self, why: str) -> None:
        super().__init__(
            expected="a code-signing certificate that a CA of the trusted root issued, valid when it signed",
            found=why,
            remedy="sign again through the Sigstore instance whose trusted root is registered here",
        )


class CertificateNotLogged(TrustError, InvalidInput):
    """The signing certificate has no valid proof of its publication."""

    def __init__(self, why: str) -> None:
        super().__init__(
            expected="one certificate timestamp (SCT) by a certificate log of the trusted root",
            found=why,
            remedy="sign again through the Sigstore instance whose trusted root is registered here",
        )


class IdentityNotTrusted(TrustError, InvalidInput):
    """The certificate is genuine, but nobody trusts its identity."""

    def __init__(self, known: Sequence[TrustedIdentity], subjects: Sequence[str], issuer: str) -> None:
        super().__init__(
            expected=f"one of the trusted identities: {', '.join(one.name for one in known[:20]) or 'there are none'}",
            found=f"{', '.join(subjects) or 'no identity'}, by issuer {issuer or 'unknown'}",
            remedy="sign with a trusted identity, or ask an admin to register this one",
        )


class IdentityRevoked(TrustError, Forbidden):
    """The signature is good, but its identity was revoked."""

    def __init__(self, identity: TrustedIdentity) -> None:
        super().__init__(
            expected="a signature by an identity that is still trusted",
            found=f"one by {identity.name}, revoked on {identity.revoked_at:%F %T}Z",
            remedy="sign again as another trusted identity; whatever the revoked one signed is not trusted any more",
        )


class TransparencyLogRequired(TrustError, InvalidInput):
    """The signature is in no transparency log that we trust."""

    def __init__(self, found: str) -> None:
        super().__init__(
            expected="an entry of a trusted transparency log, with its proof of inclusion",
            found=found,
            remedy="sign again with the upload to the log switched on",
        )


class TransparencyLogInvalid(TrustError, InvalidInput):
    """The proof that the signature is in the transparency log is wrong."""

    def __init__(self, why: str) -> None:
        super().__init__(
            expected="a proof of inclusion and a promise that the log's own key signed",
            found=why,
            remedy="sign again; a bundle that was edited or cut cannot be repaired",
        )


class TransparencyLogMismatch(TrustError, InvalidInput):
    """The transparency log's entry is about another signature."""

    def __init__(self, why: str) -> None:
        super().__init__(
            expected="a log entry of this very file, signature and signer",
            found=why,
            remedy="upload the bundle as it was made",
        )


class TimestampRequired(TrustError, InvalidInput):
    """Nothing that we trust says when the signature was made."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(
            expected=expected,
            found=found,
            remedy="sign again with a timestamp (`--timestamp-server-url …`) of a trusted authority",
        )


class NotEnoughSignatures(TrustError, InvalidInput):
    """Too few trusted signers signed."""

    def __init__(self, threshold: int, signers: Sequence[str], refused: Sequence[TrustError]) -> None:
        reasons = f"; refused: {', '.join(error.code for error in refused)}" if refused else ""
        super().__init__(
            expected=f"signatures by {threshold} different trusted signers, one bundle a line",
            found=f"{len(signers)} ({', '.join(signers) or 'none'}){reasons}",
            remedy="have more trusted signers sign the same bytes",
        )


# --- what an admin or author hands in ---------------------------------------------------------------------------------


class PublicKeyUnreadable(TrustError, InvalidInput):
    """The public key cannot be used."""

    def __init__(self, found: str) -> None:
        super().__init__(
            expected="a PEM public key: ECDSA P-256, P-384 or P-521, Ed25519, or RSA of 2048 to 8192 bits",
            found=found,
            remedy="give the contents of cosign.pub",
        )


class TrustedRootUnreadable(TrustError, InvalidInput):
    """The trusted root cannot be used."""

    def __init__(self, found: str) -> None:
        super().__init__(
            expected="a Sigstore trusted_root.json in which every authority has keys and a validity start",
            found=found,
            remedy="export it again, e.g. with `cosign trusted-root create`",
        )


class PolicyMalformed(TrustError, InvalidInput):
    """The trust policy makes no sense."""

    def __init__(self, *, expected: str, found: str) -> None:
        super().__init__(expected=expected, found=found, remedy="correct the key, identity or policy")


class PrivateKeyUnreadable(TrustError, InvalidInput):
    """The private key cannot be used."""

    def __init__(self, found: str) -> None:
        super().__init__(
            expected="a cosign private key file, or a PKCS#8 PEM of an ECDSA, Ed25519 or RSA key",
            found=found,
            remedy="give the contents of cosign.key, whole",
        )


class PasswordWrong(TrustError, InvalidInput):
    """The password does not open the private key."""

    def __init__(self) -> None:
        super().__init__(
            expected="the password that the key was made with",
            found="one that does not open it",
            remedy="set COSIGN_PASSWORD to the key's password",
        )
