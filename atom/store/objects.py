"""The object store (S3, MinIO, SeaweedFS): content-addressed puts, and puts that nobody can take back."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from atom.store.errors import BucketNotLockable, ObjectDiffers, ObjectMissing, ObjectStoreUnavailable

_MISSING = {"404", "NoSuchKey", "NotFound"}
_CONFIG = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"max_attempts": 3, "mode": "standard"},
    signature_version="s3v4",
    max_pool_connections=32,
    s3={"addressing_style": "path"},
)
_TAKEN = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}


@dataclass(frozen=True, slots=True)
class Stored:
    """Where an object went. `version_id` names these very bytes: Object Lock protects versions, not keys."""

    bucket: str
    key: str
    version_id: str

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}?versionId={self.version_id}"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where the objects are, and with which credentials; absent ones are boto3's own business."""

    name: str
    endpoint: str | None = None
    region: str = "us-east-1"
    access_key: str | None = None
    secret_key: SecretStr | None = None


class Objects:
    """One bucket, asked for on first use: making this does no I/O. Calls are bounded: connect 5 s, read 30 s, three tries."""

    def __init__(self, bucket: Callable[[], Bucket]) -> None:
        self._where = bucket
        self._lock = Lock()
        self._made: tuple[Any, str] | None = None

    def put(self, key: str, data: bytes, *, retain_until: datetime | None = None) -> Stored:
        """Writes `data` under `key` unless the key is taken; the same bytes there already count as written.

        With `retain_until` the version is under COMPLIANCE retention: nobody, root included, deletes it before.
        Raises ObjectDiffers, ObjectStoreUnavailable.
        """
        lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": retain_until} if retain_until else {}
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        try:
            answer = self._client.put_object(
                Bucket=self.bucket, Key=key, Body=data, IfNoneMatch="*", ChecksumSHA256=digest, **lock
            )
            return Stored(self.bucket, key, answer.get("VersionId", "null"))
        except ClientError as error:
            if _code(error) in _TAKEN:
                return self._same(key, data)
            raise ObjectStoreUnavailable(f"store {key}", error) from error
        except BotoCoreError as error:
            raise ObjectStoreUnavailable(f"store {key}", error) from error

    def put_file(self, key: str, path: Path) -> Stored:
        """Uploads a file of any size in parts. The key must be new by construction (it carries an id)."""
        try:
            self._client.upload_file(str(path), self.bucket, key)
            return Stored(
                self.bucket, key, self._client.head_object(Bucket=self.bucket, Key=key).get("VersionId", "null")
            )
        except (ClientError, BotoCoreError, Boto3Error) as error:  # the upload manager wraps in its own
            raise ObjectStoreUnavailable(f"store {key}", error) from error

    def get(self, key: str, *, limit: int = 64 << 20, version_id: str | None = None) -> bytes:
        """At most `limit` bytes of an object. Raises ObjectMissing, ObjectStoreUnavailable (also when it is larger)."""
        return b"".join(self.stream(key, version_id=version_id, limit=limit))

    def get_exactly(self, key: str, digest: str) -> bytes:
        """The bytes under `key`, whose digest must be `digest` ("sha256:<hex>"). Raises ObjectDiffers as well."""
        data = self.get(key)
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
            raise ObjectDiffers(key)
        return data

    def stream(self, key: str, *, version_id: str | None = None, limit: int = 1 << 40) -> Iterator[bytes]:
        version = {"VersionId": version_id} if version_id and version_id != "null" else {}
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=key, **version)
            if answer["ContentLength"] > limit:
                raise ObjectStoreUnavailable(f"give {key}", ValueError(f"it is larger than {limit} bytes"))
            yield from answer["Body"].iter_chunks(1 << 20)
        except ClientError as error:
            if _code(error) in _MISSING:
                raise ObjectMissing(key) from error
            raise ObjectStoreUnavailable(f"give {key}", error) from error
        except BotoCoreError as error:
            raise ObjectStoreUnavailable(f"give {key}", error) from error

    def delete(self, key: str) -> None:
        """Removes what is not under retention (quarantined uploads)."""
        try:
            self._client.delete_object(Bucket=self.bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            raise ObjectStoreUnavailable(f"delete {key}", error) from error

    def retention(self, key: str, version_id: str) -> datetime | None:
        """Until when the version can not be deleted."""
        try:
            answer = self._client.get_object_retention(Bucket=self.bucket, Key=key, VersionId=version_id)
        except (ClientError, BotoCoreError) as error:
            raise ObjectStoreUnavailable(f"tell the retention of {key}", error) from error
        until: datetime | None = answer["Retention"].get("RetainUntilDate")
        return until if answer["Retention"].get("Mode") == "COMPLIANCE" else None

    def check(self) -> None:
        """Raises BucketNotLockable or ObjectStoreUnavailable."""
        try:
            lock = self._client.get_object_lock_configuration(Bucket=self.bucket)
        except ClientError as error:
            if _code(error) == "ObjectLockConfigurationNotFoundError":
                raise BucketNotLockable(self.bucket) from error
            raise ObjectStoreUnavailable(f"show bucket {self.bucket}", error) from error
        except BotoCoreError as error:
            raise ObjectStoreUnavailable(f"show bucket {self.bucket}", error) from error
        if lock["ObjectLockConfiguration"].get("ObjectLockEnabled") != "Enabled":
            raise BucketNotLockable(self.bucket)

    def close(self) -> None:
        with self._lock:
            if self._made is not None:
                self._made[0].close()
                self._made = None

    def _same(self, key: str, data: bytes) -> Stored:
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=key)
            there = answer["Body"].read(len(data) + 1)
        except (ClientError, BotoCoreError) as error:
            raise ObjectStoreUnavailable(f"give {key}", error) from error
        if there != data:
            raise ObjectDiffers(key)
        return Stored(self.bucket, key, answer.get("VersionId", "null"))

    @property
    def _client(self) -> Any:
        return self._connected()[0]

    @property
    def bucket(self) -> str:
        return self._connected()[1]

    def _connected(self) -> tuple[Any, str]:
        with self._lock:
            if self._made is None:
                where = self._where()
                client = boto3.session.Session().client(
                    "s3",
                    config=_CONFIG,
                    endpoint_url=where.endpoint,
                    region_name=where.region,
                    aws_access_key_id=where.access_key,
                    aws_secret_access_key=where.secret_key.get_secret_value() if where.secret_key else None,
                )
                self._made = (client, where.name)
            return self._made


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
