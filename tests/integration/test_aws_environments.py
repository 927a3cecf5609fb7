"""The test site of a tenant on AWS beside its prod site: what may differ, and what deleting it leaves."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.aws_sites import PLATFORM, TENANT, StandIn, stand_in

pytestmark = [pytest.mark.engine, pytest.mark.slow]

ALLOWED = {
    ("aws:rds/instance:Instance", "multiAz"),
    ("aws:rds/instance:Instance", "backupRetentionPeriod"),
    ("aws:cloudwatch/logGroup:LogGroup", "retentionInDays"),
}
"""What may differ between test and prod of one size, by type and property; sizes are the manifest's."""
FOR_REASONS = "a trial that ends this week"


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """Both platforms; no site yet."""
    with stand_in(tmp_path_factory.mktemp("aws"), "alpha") as made:
        for environment in ("test", "prod"):
            made.stack(f"platform-{environment}", {**PLATFORM, "deletable": FOR_REASONS}).up()
        yield made


def of(standing: StandIn, stack: str) -> dict[str, dict[str, Any]]:
    """A site's resources by their names."""
    return {
        one["name"]: one
        for one in standing.content()["resources"].values()
        if one["name"].startswith("alpha-") and (one["is"].get("tags") or {}).get("stack", stack) == stack
    }


def test_test_and_prod_differ_as_listed_and_in_nothing_else(standing: StandIn) -> None:
    """Both sites have the same resources with the same settings, but for the list of what may differ."""
    seen = {}
    for environment in ("test", "prod"):
        stack = standing.stack(
            f"alpha-{environment}", {**TENANT, "protect": "false", "deletable": FOR_REASONS}
        )
        before = set(standing.content()["resources"])
        stack.up()
        made = {k: v for k, v in standing.content()["resources"].items() if k not in before}
        seen[environment] = {one["name"]: one for one in made.values()}
        stack.destroy()
    assert seen["test"].keys() == seen["prod"].keys()
    different = {
        (one["type"], name)
        for key, one in seen["prod"].items()
        for name, value in one["is"].items()
        if neutral(value) != neutral(seen["test"][key]["is"].get(name))
    }
    assert different == ALLOWED


def neutral(value: Any) -> str:
    """A value without what names an environment, and without what AWS makes up."""
    text = json.dumps(value, sort_keys=True)
    text = re.sub(r"\b(test|prod)\b", "ENV", text)
    made_up = r"[0-9a-f]{7,64}|\bZ[0-9A-F]{16}\b|[A-Za-z0-9]{32}|[A-Za-z0-9+/=]{200,}|^[0-9]{3,5}$"
    return re.sub(made_up, "ID", text)


def test_what_a_destroy_leaves_is_never_called_as_before(standing: StandIn) -> None:
    """AWS refuses to delete a database unless a reason was declared; each deletion leaves a new snapshot."""
    stack = standing.stack("alpha-test", TENANT)
    for _ in range(2):
        stack.set_config("bascule:deletable", FOR_REASONS)
        stack.run("config", "rm", "bascule:deletable")
        stack.up()
        refused = stack.run("destroy", "--yes", "--skip-preview", check=False)
        assert refused.returncode != 0
        assert "protected from deletion by AWS" in refused.stdout
        stack.set_config("bascule:deletable", FOR_REASONS)
        stack.up()
        stack.destroy()
    names = standing.content()["snapshots"]
    assert len(names) == len(set(names)) >= 4
    # Keys and archives outlive the stack: without them the snapshots are noise.
    left = {
        one["type"] for one in standing.content()["resources"].values() if one["name"].startswith("alpha-")
    }
    assert left == {"aws:kms/key:Key", "aws:s3/bucketObjectv2:BucketObjectv2"}
