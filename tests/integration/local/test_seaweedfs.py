from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from atom.local.ports import Ports
from atom.local.seaweedfs import SeaweedFS


def put_under_retention(server: SeaweedFS, key: str, body: bytes) -> str:
    until = datetime.now(UTC) + timedelta(days=1)
    made = server.client().put_object(
        Bucket=server.bucket, Key=key, Body=body, ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until
    )
    return str(made["VersionId"])


def test_objects_and_their_retention_survive_kill_9_and_new_ports(home: Path, ports: Ports) -> None:
    server = SeaweedFS(home, ports)
    server.start()
    version = put_under_retention(server, "audit/1.json", b"{}")
    server.server.kill()
    (home / "ports.json").unlink()  # another program may have taken every one of them
    again = SeaweedFS(home, Ports(home))
    again.start()
    assert again.port != server.port
    client = again.client()
    assert client.get_object(Bucket=again.bucket, Key="audit/1.json", VersionId=version)["Body"].read() == b"{}"
    with pytest.raises(ClientError, match="AccessDenied"):
        client.delete_object(Bucket=again.bucket, Key="audit/1.json", VersionId=version)
    # A new object does not take the place of an old one in the volume.
    put_under_retention(again, "audit/2.json", b"second")
    assert client.get_object(Bucket=again.bucket, Key="audit/1.json")["Body"].read() == b"{}"
    again.stop()
    again.start()
    assert again.client().get_object(Bucket=again.bucket, Key="audit/2.json")["Body"].read() == b"second"
    again.stop()


def test_nobody_reads_without_the_keys(seaweedfs: SeaweedFS) -> None:
    import boto3

    stranger = boto3.client(
        "s3",
        endpoint_url=seaweedfs.url,
        aws_access_key_id=seaweedfs.access_key,
        aws_secret_access_key="guess",
        region_name="us-east-1",
    )
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        stranger.list_objects_v2(Bucket=seaweedfs.bucket)


def test_the_bucket_has_object_lock_and_versions(seaweedfs: SeaweedFS) -> None:
    client = seaweedfs.client()
    lock = client.get_object_lock_configuration(Bucket=seaweedfs.bucket)
    assert lock["ObjectLockConfiguration"]["ObjectLockEnabled"] == "Enabled"
    assert client.get_bucket_versioning(Bucket=seaweedfs.bucket)["Status"] == "Enabled"


def test_a_misspelt_bucket_is_not_made_on_the_fly(seaweedfs: SeaweedFS) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        seaweedfs.client().put_object(Bucket="atmo", Key="x", Body=b"x")


def test_an_object_is_written_once(seaweedfs: SeaweedFS) -> None:
    client = seaweedfs.client()
    client.put_object(Bucket=seaweedfs.bucket, Key="once", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        client.put_object(Bucket=seaweedfs.bucket, Key="once", Body=b"second", IfNoneMatch="*")
