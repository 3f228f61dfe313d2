"""What can go wrong between Atom and the servers that keep its state."""

from __future__ import annotations

from atom.errors import Conflict, InvalidInput, Misconfigured, NotFound, Unavailable


class DatabaseUnavailable(Unavailable):
    """PostgreSQL did not answer."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(
            expected="PostgreSQL to answer",
            found=f"{type(cause).__name__}: {_first_line(cause)}",
            remedy="see `atomctl doctor`; the request was not carried out and may be repeated",
        )


class ValueUnstorable(InvalidInput):
    """PostgreSQL has no room for a value: a NUL, half a surrogate pair, a number beyond all bounds."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(
            expected="text of Unicode characters other than NUL, and finite numbers",
            found=f"{type(cause).__name__}: {_first_line(cause)}".encode("ascii", "backslashreplace").decode(),
            remedy="correct the value; nothing was stored",
        )


class ObjectStoreUnavailable(Unavailable):
    """The object store did not answer."""

    def __init__(self, doing: str, cause: BaseException) -> None:
        super().__init__(
            expected=f"the object store to {doing}",
            found=f"{type(cause).__name__}: {_first_line(cause)}",
            remedy="see `atomctl doctor`; the request was not carried out and may be repeated",
        )


class ObjectMissing(NotFound):
    """The object store has no such object."""

    def __init__(self, key: str) -> None:
        super().__init__(
            expected=f"an object {key}", found="none", remedy="see `atomctl doctor`; was the bucket changed?"
        )


class ObjectDiffers(Conflict):
    """Another object stands where this one belongs."""

    def __init__(self, key: str) -> None:
        super().__init__(
            expected=f"object {key} to be absent, or to have these bytes",
            found="other bytes under the same key",
            remedy="somebody wrote to the bucket by hand: keep both versions and ask an auditor",
        )


class BucketNotLockable(Misconfigured):
    """The bucket has no Object Lock, so evidence in it could be deleted."""

    def __init__(self, bucket: str) -> None:
        super().__init__(
            expected=f"bucket {bucket} with Object Lock",
            found="a bucket without it",
            remedy="create a bucket with Object Lock enabled and name it in S3_BUCKET",
        )


class VaultUnavailable(Unavailable):
    """Vault did not answer, is sealed, or refused the login."""

    def __init__(self, address: str, cause: BaseException) -> None:
        super().__init__(
            expected=f"Vault at {address} to answer",
            found=f"{type(cause).__name__}: {_first_line(cause)}",
            remedy="unseal it or correct VAULT_ADDR and the login; there is no plaintext fallback",
        )


class SecretMissing(Misconfigured):
    """A Vault reference leads to nothing."""

    def __init__(self, reference: str, found: str) -> None:
        super().__init__(
            expected=f"a secret at {reference}",
            found=found,
            remedy="write it (`vault kv put …`) or allow this role to read it",
        )


def _first_line(cause: BaseException) -> str:
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else "no message"
