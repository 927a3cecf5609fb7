"""
An S3 of a test's own, on loopback: moto's server, which holds objects and refuses what it does not know.

Promise: it ends with the test and leaves nothing to the next one, although moto's objects are this process's;
credentials and endpoint are in the environment, as on an operator's machine.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import httpx2
import pytest
from moto.server import ThreadedMotoServer

BUCKET = "bascule-archives"
SECRET = "the-key-that-nobody-may-see"


@dataclass
class ObjectStore:
    """A running store with one empty bucket."""

    location: str
    client: Any


@contextmanager
def an_object_store(patch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """Start it, and point the environment of this process at it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        patch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
        patch.setenv("AWS_REGION", "eu-central-2")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-2")
        patch.setenv("AWS_ACCESS_KEY_ID", "operator")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_CONFIG_FILE", "/dev/null")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-2"})
        yield ObjectStore(f"s3://{BUCKET}/kunden/alpenblick", client)
    finally:
        httpx2.post(f"http://{host}:{port}/moto-api/reset").raise_for_status()
        server.stop()
