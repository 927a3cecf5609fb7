"""Carrying a tenant through S3: the same archive, checked by the store, a lease for its writer."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from migrate.archive import bucket as buckets
from migrate.archive.bucket import LEASE, BucketStore
from migrate.archive.layout import OPENED
from migrate.archive.store import archives, open_store, read_small, write_small
from migrate.errors import Refused, TransferError
from tests.support.object_store import BUCKET, SECRET, ObjectStore, an_object_store
from tests.support.staging import Staged, a_staged_move


@pytest.fixture(scope="module")
def objects() -> Iterator[ObjectStore]:
    with pytest.MonkeyPatch.context() as patch, an_object_store(patch) as objects:
        yield objects


@pytest.fixture
def store(objects: ObjectStore, request: pytest.FixtureRequest) -> BucketStore:
    """The store of an archive named after the test."""
    store = open_store(objects.location, request.node.name)
    assert isinstance(store, BucketStore)
    return store


def test_a_tenant_goes_through_s3(objects: ObjectStore, tmp_path: Path) -> None:
    """Out of legacy into a bucket and onto the site's host, whole; then the lease is gone."""
    tmp_path.chmod(0o711)
    with a_staged_move(tmp_path) as staged, staged.move.hosts() as hosts:
        made = staged.out(hosts, objects.location)
        received = staged.load(hosts, objects.location)

        assert archives(objects.location) == [made.archive]
        assert [(item.name, item.unsettled) for item in received.items] == [
            ("main-db", ()),
            ("documents", ()),
        ]
        listing = objects.client.list_objects_v2(Bucket=BUCKET)["Contents"]
        assert len(listing) == len(made.chunks) + 4
        _a_swapped_object_is_named(objects, staged, made.archive)


def _a_swapped_object_is_named(objects: ObjectStore, staged: Staged, archive: str) -> None:
    key = f"kunden/alpenblick/{archive}/chunk-000001.age"
    body = objects.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    objects.client.put_object(Bucket=BUCKET, Key=key, Body=body[:-1] + b"!")
    with (
        staged.move.hosts() as hosts,
        pytest.raises(TransferError, match=r"chunk-000001\.age is not what was written"),
    ):
        staged.load(hosts, objects.location)


def test_the_store_itself_checks_what_it_gets(objects: ObjectStore, store: BucketStore) -> None:
    """Each object carries its SHA-256, which the store keeps: looking costs no download."""
    write_small(store, "chunk-000001.age", b"text")

    head = objects.client.head_object(
        Bucket=BUCKET, Key=f"{store.prefix}chunk-000001.age", ChecksumMode="ENABLED"
    )
    assert head["ChecksumSHA256"]
    assert store.digest("chunk-000001.age") == (
        "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1"
    )
    assert read_small(store, "chunk-000001.age") == b"text"
    assert store.sizes() == {"chunk-000001.age": 4}


def test_a_second_writer_is_refused_until_the_first_is_forgotten(
    store: BucketStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one operator writes another is told who; a lease that nobody renews is taken over."""
    with store.held("alpenblick"):
        with pytest.raises(Refused, match=r"is being written by \S+ on \S+"), store.held("alpenblick"):
            pass
        monkeypatch.setattr(buckets, "LEASE_LASTS", timedelta(seconds=-1))
        with store.held("alpenblick"):
            pass
    with store.held("alpenblick"):
        assert LEASE not in store.sizes()


def test_what_s3_refuses_is_told_without_the_key(
    objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket that is not there, an endpoint that does not answer: told, with what to look at, no secret."""
    nowhere = BucketStore.at("s3://bascule-nowhere/x", "one")
    with pytest.raises(TransferError, match="The specified bucket does not exist") as failure:
        write_small(nowhere, OPENED, b"{}")
    assert SECRET not in str(failure.value)
    assert "AWS_PROFILE" in failure.value.next_step

    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setattr(buckets, "ATTEMPTS", 1)
    with pytest.raises(TransferError, match="Could not connect to the endpoint URL") as failure:
        archives(objects.location)
    assert SECRET not in str(failure.value)


def test_without_credentials_the_way_to_them_is_told(
    objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever forgot to log in is told so, and where boto3 looks."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(TransferError, match="Unable to locate credentials"):
        archives(objects.location)
