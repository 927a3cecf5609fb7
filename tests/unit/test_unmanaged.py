"""What carries a stack's tags and is in no state of it, asked of moto's AWS."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from provisioning.errors import SiteError
from provisioning.pinned import Pinned
from provisioning.policy.exceptions import UNMANAGED, PolicyException
from provisioning.policy.resources import Resource
from provisioning.policy.unmanaged import unmanaged
from tests.support.aws_account import an_account_within

ACCOUNT = "123456789012"  # moto's
REGION = "eu-central-1"
PINNED = Pinned("alpha-prod", ACCOUNT, REGION)
TODAY = date(2026, 11, 27)
TAGS = [{"Key": "stack", "Value": "alpha-prod"}]


@pytest.fixture
def session() -> Iterator[Any]:
    """An account with a key and a bucket of alpha's, a key of beta's, and a host that a group started."""
    with an_account_within(REGION) as made:
        for stack in ("alpha-prod", "beta-prod"):
            made.client("kms").create_key(Tags=[{"TagKey": "stack", "TagValue": stack}])
        store = made.client("s3")
        store.create_bucket(Bucket="by-hand", CreateBucketConfiguration={"LocationConstraint": REGION})
        store.put_bucket_tagging(Bucket="by-hand", Tagging={"TagSet": TAGS})
        hosts = made.client("ec2")
        image = hosts.describe_images()["Images"][0]["ImageId"]
        for tags in (TAGS, [*TAGS, {"Key": "role", "Value": "host"}]):
            specification = [{"ResourceType": "instance", "Tags": tags}]
            hosts.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=specification)
        yield made


def kinds(found: list[str]) -> list[str]:
    """Service and kind of each ARN."""
    return [f"{arn.split(':')[2]} {arn.split(':', 5)[-1].split('/')[0]}" for arn in found]


def test_what_no_state_knows_is_listed(session: Any) -> None:
    """A bucket and an instance made by hand are found; another stack's key and a group's host are not."""
    found = unmanaged(session, PINNED, [], [], TODAY)
    assert kinds(found) == ["ec2 instance", "kms key", "s3 by-hand"]


def test_what_a_state_knows_is_not(session: Any) -> None:
    """By its ARN or by its id, what the stack is made of is nothing to list."""
    _, key, bucket = unmanaged(session, PINNED, [], [], TODAY)
    state = [
        Resource("aws:kms/key:Key", "alpha-key", {}, frozenset({key.split("/")[-1]})),
        Resource("aws:s3/bucket:Bucket", "alpha-bucket", {}, frozenset({bucket})),
    ]
    assert kinds(unmanaged(session, PINNED, state, [], TODAY)) == ["ec2 instance"]


def test_an_exception_excuses_until_it_ends(session: Any) -> None:
    """Somebody may answer for what stands there, until a day."""
    instance = unmanaged(session, PINNED, [], [], TODAY)[0]
    excused = PolicyException(
        rule=UNMANAGED,
        stack="alpha-prod",
        resource=instance,
        owner="rosa@vendor.example",
        reason="a debugging host of this week's incident",
        expires=TODAY,
    )
    assert instance not in unmanaged(session, PINNED, [], [excused], TODAY)
    assert instance in unmanaged(session, PINNED, [], [excused], date(2026, 11, 28))


def test_another_accounts_credentials_are_refused(session: Any) -> None:
    """What another account holds says nothing about this stack."""
    with pytest.raises(SiteError, match="alpha-prod belongs to AWS account 999999999999"):
        unmanaged(session, Pinned("alpha-prod", "999999999999", REGION), [], [], TODAY)
