"""The trial in an AWS account, as far as it goes without one: whom it refuses, and its way up and down."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from provisioning.engine import Stack
from provisioning.errors import SiteError
from provisioning.policy.look import Look
from provisioning.workspace import Workspace
from tests.aws import __main__ as command
from tests.aws import trial
from tests.aws.account import FILE, TrialAccount
from tests.aws.trial import Trial, trial_workspace
from tests.support.aws_account import an_account_within
from tests.support.aws_sites import HOST_KEY
from tests.support.local_sites import CHECKOUT

ACCOUNT = "123456789012"  # moto's
REGION = "eu-central-1"


@pytest.fixture
def pinned(tmp_path: Path) -> dict[str, Any]:
    """What a checkout pins, as it stands in its file."""
    (tmp_path / "rds.pem").write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    return {
        "account": ACCOUNT,
        "region": REGION,
        "parent_domain": "vendor.example",
        "parent_zone": "Z1",
        "image": "ami-0123456789abcdef0",
        "email": "night@vendor.example",
        "repository": "vendor/sites",
        "database_authority": str(tmp_path / "rds.pem"),
    }


@pytest.fixture
def session() -> Iterator[Any]:
    with an_account_within(REGION) as made:
        yield made


def test_without_credentials_nothing_counts_as_passed() -> None:
    """It says so and ends with a status of its own; no file is read and nobody asked."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.aws"],
        cwd=CHECKOUT,
        env=clean,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == command.NOT_RUN == 77
    assert "nothing was run, and nothing counts as passed" in done.stdout


def test_only_the_pinned_account_is_touched(
    session: Any,
    pinned: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without a pinned account, with another one's credentials, or without room, nothing is made."""

    def told() -> str:
        assert command.main(tmp_path) == 1
        return capsys.readouterr().err

    assert f"{FILE} does not exist" in told()
    (tmp_path / FILE).write_text(yaml.safe_dump({**pinned, "account": "999999999999"}))
    assert "must be on PATH" in told()
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("aws", "session-manager-plugin"):
        (tools / name).write_text("#!/bin/sh\nexit 9\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    assert f"the credentials to {ACCOUNT}" in told()
    (tmp_path / FILE).write_text(yaml.safe_dump(pinned))
    for number in range(5):
        session.client("ec2").create_vpc(CidrBlock=f"10.{number}.0.0/16")
    assert "has no room for a platform" in told()
    assert not (tmp_path / ".state").exists()


@pytest.mark.engine
@pytest.mark.slow
def test_what_it_stands_up_it_takes_down(
    session: Any, pinned: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zone and delegation first, both stacks by the policy; a site that answers wrongly is taken down too."""
    names = session.client("route53")
    parent = names.create_hosted_zone(Name="vendor.example", CallerReference="x")["HostedZone"]["Id"]
    account = TrialAccount.model_validate({**pinned, "parent_zone": parent.rsplit("/", 1)[-1]})
    workspace = trial_workspace(tmp_path / "trial", account)
    with (workspace.root / "Pulumi.yaml").open("a") as project:
        project.write(f"    - name: aws\n      path: {CHECKOUT / 'tests/doubles/aws'}\n")
    cloud = tmp_path / "cloud.json"
    cloud.write_text(json.dumps({"account": ACCOUNT, "host_key": HOST_KEY, "resources": {}}))
    monkeypatch.setenv("BASCULE_TEST_CLOUD", str(cloud))
    monkeypatch.setenv("VIRTUAL_ENV", os.environ.get("VIRTUAL_ENV", str(CHECKOUT / ".venv")))
    seen: list[set[str]] = []

    def delegated() -> list[str]:
        records = names.list_resource_record_sets(HostedZoneId=parent)["ResourceRecordSets"]
        return [one["Name"] for one in records if one["Name"].startswith("bascule-trial.")]

    def answers(at: Workspace) -> None:
        seen.append({one["name"] for one in json.loads(cloud.read_text())["resources"].values()})
        assert delegated() == ["bascule-trial.vendor.example."]
        raise SiteError("it answers wrongly")

    # Previews of the same programs are tried in test_aws_site.py, and take as long as an up.
    monkeypatch.setattr(Stack, "matches_its_program", lambda _: (True, ""))
    looked: list[list[str]] = []

    def look(_: Workspace, asked: list[str], __: date) -> Look:
        looked.append(asked)
        return Look({}, ())

    monkeypatch.setattr(trial, "look", look)
    said: list[str] = []
    with pytest.raises(SiteError, match="it answers wrongly"):
        Trial(workspace, account, session, answers, said.append).run()
    assert looked == [["platform", "trial"]]
    assert {"platform-ingress-alb", "trial-database-instance"} <= seen[0]
    left = {one["type"] for one in json.loads(cloud.read_text())["resources"].values()}
    # What outlives its stack: keys of snapshots, archives, the vault of backups.
    assert left <= {"aws:kms/key:Key", "aws:s3/bucketObjectv2:BucketObjectv2", "aws:backup/vault:Vault"}
    assert delegated() == []
    assert said[-2:] == ["destroy trial-test", "destroy platform-test"]
