"""The rules as a policy pack of Pulumi's own: under the real engine, with a stand-in in the place of AWS."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from provisioning.engine import Stack
from provisioning.errors import EngineError
from provisioning.policy.exceptions import FILE
from tests.support.aws_sites import ACCOUNT, StandIn, stand_in

pytestmark = pytest.mark.engine

PACK = "provisioning/policy/pack"
_PROGRAM = """
import pulumi, pulumi_aws as aws
tags = {key: "x" for key in ("tenant", "environment", "stack", "data-class", "managed-by")}
topic = aws.sns.Topic("topic", tags=tags)
# What it is encrypted with is known only once it stands, as most of what programs declare.
aws.secretsmanager.Secret("secret", kms_key_id=topic.arn, tags=tags)
aws.kms.Key(
    "key",
    enable_key_rotation=pulumi.Config().get_bool("rotates"),
    deletion_window_in_days=30,
    policy='{"Statement": []}',
    tags=tags,
    opts=pulumi.ResourceOptions(depends_on=[topic]),
)
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """A workspace with a small program of somebody's own, which the pack looks at as at ours."""
    with stand_in(tmp_path_factory.mktemp("pack")) as made:
        root = made.workspace.root
        (root / "own").mkdir()
        (root / "own" / "__main__.py").write_text(_PROGRAM)
        project = yaml.safe_load((root / "Pulumi.yaml").read_text())
        (root / "Pulumi.yaml").write_text(yaml.safe_dump({**project, "main": "own"}))
        yield made


@pytest.fixture
def stack(workspace: StandIn) -> Iterator[Stack]:
    """Its one stack, with a key that does not rotate; there are no exceptions."""
    made = workspace.stack("own-prod", {**ACCOUNT, "rotates": "false"})
    yield made
    (workspace.workspace.stacks / FILE).unlink(missing_ok=True)


def kinds(workspace: StandIn) -> set[str]:
    return {one["type"] for one in workspace.content()["resources"].values()}


def excuse(workspace: Path, days: int) -> None:
    """Write an exception of the key's that ends in so many days."""
    one = {
        "rule": "key-rotates",
        "stack": "own-prod",
        "resource": "key",
        "owner": "anna@vendor.example",
        "reason": "AWS rotates no imported key",
        "expires": datetime.now(UTC).date() + timedelta(days=days),
    }
    (workspace / FILE).write_text(yaml.safe_dump([one]))


def test_a_broken_rule_stops_an_update(stack: Stack, workspace: StandIn) -> None:
    """Our `up` of a stack on AWS refuses what breaks a rule, by its id; what keeps the rules goes through."""
    with pytest.raises(
        EngineError, match=r"(?s)mandatory.*key-rotates.*old keys leak; enable_key_rotation=True"
    ):
        stack.up()
    assert "aws:kms/key:Key" not in kinds(workspace)
    stack.set_config("rotates", "true")
    stack.up()
    assert "aws:kms/key:Key" in kinds(workspace)


def test_an_exception_excuses_until_its_end(stack: Stack, workspace: StandIn) -> None:
    """One that holds lets the update through; an ended one, a useless one and a broken file stop it."""
    stacks = workspace.workspace.stacks
    preview = ("preview", "--policy-pack", PACK)
    excuse(stacks, days=1)
    done = stack.run(*preview, check=False)
    assert done.returncode == 0, done.stdout
    excuse(stacks, days=-1)
    ended = stack.run(*preview, check=False)
    assert ended.returncode != 0
    assert "the exception of anna@vendor.example ended on" in ended.stdout
    (stacks / FILE).write_text("- rule: key-rotates\n")
    wrong = stack.run(*preview, check=False)
    assert wrong.returncode != 0
    assert "to correct" in wrong.stdout
