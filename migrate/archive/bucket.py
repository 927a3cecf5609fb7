"""
An archive in S3, at any endpoint that speaks it.

Promise: who may do so is boto3's business (environment, profile, instance), so no key is an argument here;
every object is sent with its SHA-256, which the server checks and keeps; a lease in the bucket keeps a
second operator out, and runs out by itself.

Source: endpoint and region as every AWS tool reads them, ``AWS_ENDPOINT_URL_S3`` and ``AWS_REGION``.
"""

import base64
import getpass
import hashlib
import io
import json
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from migrate.archive.layout import OPENED
from migrate.archive.sealing import Reader, Writer
from migrate.errors import Refused, TransferError

LEASE = "writing.json"
LEASE_LASTS = timedelta(minutes=5)
_RENEWED_EVERY_SECONDS = 60.0
ATTEMPTS = 4
"""Few and short: a person waits, and the same command goes on where it stopped."""


@dataclass(frozen=True)
class BucketStore:
    """One archive's prefix."""

    bucket: str
    prefix: str
    """Ends in a slash."""
    client: Any = field(repr=False)

    @classmethod
    def at(cls, location: str, archive: str) -> "BucketStore":
        bucket, prefix = _split(location)
        return cls(bucket, f"{prefix}{archive}/", _client())

    @property
    def where(self) -> str:
        return f"s3://{self.bucket}/{self.prefix.rstrip('/')}"

    def sizes(self) -> dict[str, int]:
        with _told(self.where, "the list of its objects"):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.prefix
            )
            found = {o["Key"]: o["Size"] for page in pages for o in page.get("Contents", ())}
        names = {key.removeprefix(self.prefix): size for key, size in found.items()}
        names.pop(LEASE, None)
        return names

    def digest(self, name: str) -> str:
        with _told(self.where, name):
            head = self.client.head_object(Bucket=self.bucket, Key=self.prefix + name, ChecksumMode="ENABLED")
        if kept := head.get("ChecksumSHA256"):
            return base64.b64decode(kept).hex()
        found = hashlib.sha256()
        with self.reading(name) as source:
            while piece := source.read(1 << 20):
                found.update(piece)
        return found.hexdigest()

    @contextmanager
    def reading(self, name: str) -> Iterator[Reader]:
        with _told(self.where, name):
            body = self.client.get_object(Bucket=self.bucket, Key=self.prefix + name)["Body"]
            with body:
                yield body

    @contextmanager
    def writing(self, name: str) -> Iterator[Writer]:
        # Held in memory, one chunk: an upload is one request, which is there whole or not at all.
        content = io.BytesIO()
        yield content
        content.seek(0)
        with _told(self.where, name):
            self.client.put_object(
                Bucket=self.bucket, Key=self.prefix + name, Body=content, ChecksumAlgorithm="SHA256"
            )

    def free_bytes(self) -> int | None:
        return None

    @contextmanager
    def held(self, tenant: str) -> Iterator[object]:
        token = secrets.token_hex(8)
        self._take_lease(tenant, token)
        done = threading.Event()

        def renew() -> None:
            while not done.wait(_RENEWED_EVERY_SECONDS):
                # Missed once is no harm: the next turn comes long before it runs out.
                try:
                    self._write_lease(token)
                except (BotoCoreError, ClientError):
                    continue

        renewing = threading.Thread(target=renew, daemon=True)
        renewing.start()
        try:
            yield token
        finally:
            done.set()
            renewing.join()
            with _told(self.where, LEASE):
                self.client.delete_object(Bucket=self.bucket, Key=self.prefix + LEASE)

    def _take_lease(self, tenant: str, token: str) -> None:
        with _told(self.where, LEASE):
            try:
                self._write_lease(token, IfNoneMatch="*")
                return
            except ClientError as error:
                if _code(error) not in ("PreconditionFailed", "ConditionalRequestConflict", "412"):
                    raise
            seen = self.client.get_object(Bucket=self.bucket, Key=self.prefix + LEASE)
            held = json.loads(seen["Body"].read())
            # Both times are the server's, so no clock of ours matters.
            if _now_of(seen) - seen["LastModified"] < LEASE_LASTS:
                raise Refused(
                    f"{tenant}: {self.where} is being written by {held['user']} on {held['host']}",
                    state="Nothing was changed by this command.",
                    next_step=f"wait for it; a writer that died is forgotten after {LEASE_LASTS}",
                )
            self._write_lease(token, IfMatch=seen["ETag"])

    def _write_lease(self, token: str, **condition: str) -> None:
        who = {"user": getpass.getuser(), "host": socket.gethostname(), "pid": os.getpid(), "token": token}
        body = json.dumps(who).encode()
        self.client.put_object(Bucket=self.bucket, Key=self.prefix + LEASE, Body=body, **condition)


def archives_in_bucket(location: str) -> list[str]:
    """Return the names of the archives below a prefix."""
    bucket, prefix = _split(location)
    with _told(location, "the list of archives"):
        pages = (
            _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
        )
        folders = [
            p["Prefix"].removeprefix(prefix).rstrip("/")
            for page in pages
            for p in page.get("CommonPrefixes", ())
        ]
    return sorted(name for name in folders if OPENED in BucketStore.at(location, name).sizes())


def _client() -> Any:
    retries = {"total_max_attempts": ATTEMPTS, "mode": "standard"}
    config = Config(connect_timeout=10, read_timeout=120, retries=retries)
    with _told("S3", "its client"):
        return boto3.Session().client("s3", config=config)


def _split(location: str) -> tuple[str, str]:
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    prefix = prefix.strip("/")
    return bucket, f"{prefix}/" if prefix else ""


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _now_of(answer: dict[str, Any]) -> datetime:
    """Return the server's time of an answer."""
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])


@contextmanager
def _told(where: str, name: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise TransferError(
            f"{where}: {name}: {error}",
            state="Legacy is as it was; all chunks written before are whole and stay.",
            next_step="look at AWS_ENDPOINT_URL_S3, AWS_REGION, AWS_PROFILE and what its key may do; "
            "then the same command again: it goes on where it stopped",
        ) from error
