"""
An AWS account of a test's own, on loopback: moto's server, in the number of the stand-in provider's account.

Promise: a process of its own that ends with the test; credentials and endpoint are in the environment.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from moto import mock_aws


@contextmanager
def an_account(number: str, region: str) -> Iterator[Any]:
    """Start it, point this process's environment at it, and give a session in it."""
    with (
        pytest.MonkeyPatch.context() as patch,
        subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
            env={**os.environ, "MOTO_ACCOUNT_ID": number},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as server,
    ):
        assert server.stderr
        try:
            found = next(
                said for line in server.stderr if (said := re.search(r"http://127\.0\.0\.1:\d+", line))
            )
            patch.setenv("AWS_ENDPOINT_URL", found[0])
            patch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                patch.setenv(name, "testing")
            for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
                patch.setenv(name, "/dev/null")
            yield boto3.Session(region_name=region)
        finally:
            server.terminate()
            server.stderr.read()  # a full pipe would keep it from ending


@contextmanager
def an_account_within(region: str) -> Iterator[Any]:
    """Have moto answer boto3 in this process, with no server; give a session in its account."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
        with mock_aws():
            yield boto3.Session(region_name=region)


def bucket_by_hand(session: Any, stack: str) -> str:
    """Make a bucket that carries a stack's tag; return its ARN."""
    store = session.client("s3")
    where = {"LocationConstraint": session.region_name}
    store.create_bucket(Bucket="by-hand", CreateBucketConfiguration=where)
    store.put_bucket_tagging(Bucket="by-hand", Tagging={"TagSet": [{"Key": "stack", "Value": stack}]})
    return "arn:aws:s3:::by-hand"
