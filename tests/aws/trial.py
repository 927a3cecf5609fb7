"""
One trial: a platform and a site stand up in the account, are looked at, and go again.

Promise: whatever was begun is taken down, also after a failure or an interrupt; a trial that was killed is
taken up by the next one, which finds its state in the same workspace. What AWS keeps is told by name.
"""

import json
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from botocore.exceptions import BotoCoreError, ClientError

from migrate.connections import Hosts
from migrate.remote import run
from migrate.waiting import wait_until
from migrate.web import ask
from provisioning.engine import PLATFORM, Stack
from provisioning.errors import BasculeError, SiteError
from provisioning.manifest_file import load_manifest
from provisioning.pinned import Pinned
from provisioning.policy.exceptions import FILE
from provisioning.policy.look import look
from provisioning.policy.resources import of_state
from provisioning.policy.unmanaged import unmanaged
from provisioning.workspace import Workspace
from tests.aws.account import TrialAccount
from tests.support.local_sites import local_workspace, manifest

TENANT = "trial"
_DELETABLE = "a trial that is taken down within the hour"
_DELETED = (
    ("balancer-strict", f"{PLATFORM}-ingress-alb"),
    ("bucket-not-emptied", f"{PLATFORM}-logs-bucket"),
    ("bucket-not-emptied", f"{TENANT}-store-bucket"),
    ("database-kept", f"{TENANT}-database-instance"),
)
"""Rule and resource: what `deletable` takes back of safety."""
_NAMED_SECONDS = 300.0
"""A new zone's delegation and a new name, as they come to be known."""
Say = Callable[[str], None]


def trial_workspace(root: Path, account: TrialAccount) -> Workspace:
    """Return the workspace of trials, made where it is missing."""
    if not (root / "stacks").is_dir():
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        made = local_workspace(root, TENANT)
        shutil.copy(Path(__file__).parent / "application" / "run", root / "artifact" / "run")
        authority = made.stacks / f"rds-{account.region}.pem"
        authority.write_text(account.database_authority.read_text())
    made = Workspace(root)
    described = {**manifest(TENANT), "substrate": "aws", "site_name": f"{TENANT}.{account.domain}"}
    (made.stacks / f"{TENANT}.yaml").write_text(yaml.safe_dump(described, sort_keys=False))
    shared = {
        "account": account.account,
        "region": account.region,
        "budget": str(account.budget_usd),
        "deletable": _DELETABLE,
    }
    platform = {
        "domain": account.domain,
        "alarmEmail": account.email,
        "repository": account.repository,
        "image": account.image,
        "runbooks": f"https://{account.domain}/runbooks",
    }
    for name, told in ((PLATFORM, {**shared, **platform}), (TENANT, shared)):
        path = made.stacks / f"Pulumi.{name}-test.yaml"
        kept = (yaml.safe_load(path.read_text()) or {}) if path.is_file() else {}
        kept["config"] = {f"bascule:{key}": value for key, value in told.items()}
        path.write_text(yaml.safe_dump(kept))
    (made.stacks / FILE).write_text(yaml.safe_dump(_exceptions(account.email)))
    return made


def _exceptions(owner: str) -> list[dict[str, object]]:
    """What the policy is not to hold against stacks that are to go again."""
    until = datetime.now(UTC).date() + timedelta(days=1)
    return [
        {
            "rule": rule,
            "stack": f"{resource.split('-')[0]}-test",
            "resource": resource,
            "owner": owner,
            "reason": _DELETABLE,
            "expires": until,
        }
        for rule, resource in _DELETED
    ]


@dataclass(frozen=True)
class Trial:
    """What a trial needs; `answers` asks the site over the network, as users and operators do."""

    workspace: Workspace
    account: TrialAccount
    session: Any
    answers: Callable[[Workspace], None]
    say: Say = print

    @property
    def stacks(self) -> tuple[Stack, Stack]:
        return tuple(Stack(self.workspace, f"{name}-test") for name in (PLATFORM, TENANT))  # type: ignore[return-value] # two

    def run(self) -> None:
        """
        Stand up, verify, take down.

        Raises:
            BasculeError: One of them failed; what stands then has been taken down, or is told.
        """
        try:
            self.stand_up()
            self.verify()
        except BaseException as failed:  # an interrupt too
            self._take_down_after(failed)
            raise
        self.take_down()

    def _take_down_after(self, failed: BaseException) -> None:
        try:
            self.take_down()
        except (BasculeError, BotoCoreError, ClientError) as left:
            raise SiteError(
                f"{failed}\n{left}",
                state="Part of the trial may still stand, and costs.",
                next_step="make test-aws, which takes it up where it stopped, and down",
            ) from failed

    def stand_up(self) -> None:
        """Up, held against the policy; the zone first, since certificates wait for its delegation."""
        platform, site = self.stacks
        for stack in self.stacks:
            stack.ensure()
        zone = [f"**::{PLATFORM}{name}" for name in ("", "-names", "-names-zone")]
        self.say("the trial's zone")
        # Without the policy pack: the engine shows it what is no target with nothing in it.
        targets = [word for urn in zone for word in ("--target", urn)]
        platform.run("up", "--yes", "--skip-preview", *targets)
        self._delegate("UPSERT")
        for stack in (platform, site):
            self.say(f"up {stack.name}")
            stack.up()

    def verify(self) -> None:
        """A second look is quiet, nobody's rule is broken, nothing stands beside, and the site answers."""
        self.say("verify")
        for stack in self.stacks:
            agrees, said = stack.matches_its_program()
            _require(agrees, f"{stack.name} differs from its program as soon as it stands:\n{said}")
        seen = look(self.workspace, [PLATFORM, TENANT], datetime.now(UTC).date())
        _require(not seen.findings, "\n".join(f"{one.stack}: {one.text}" for one in seen.findings))
        _require(not (beside := self._beside()), f"stands beside its program: {', '.join(beside)}")
        self.answers(self.workspace)

    def take_down(self) -> None:
        """Destroy both, the site first, and the delegation; name what AWS keeps."""
        platform, site = self.stacks
        for stack in (site, platform):
            self.say(f"destroy {stack.name}")
            if stack is platform:
                self._delegate("DELETE")
            stack.destroy()
        for arn in self._beside():
            self.say(f"left, and to be deleted by hand: {arn}")

    def _beside(self) -> list[str]:
        today, found = datetime.now(UTC).date(), []
        for stack in self.stacks:
            pinned = Pinned(stack.name, self.account.account, self.account.region)
            state = of_state(stack.run("stack", "export", apart=True).stdout)
            found += unmanaged(self.session, pinned, state, [], today)
        return found

    def _delegate(self, action: str) -> None:
        """Enter or take out the zone's name servers with its parent, of this account too."""
        state = json.loads(self.stacks[0].run("stack", "export", apart=True).stdout)
        resources = state["deployment"].get("resources", [])
        zone = next((one for one in resources if one["type"] == "aws:route53/zone:Zone"), None)
        if zone is None:
            return
        record = {
            "Name": self.account.domain,
            "Type": "NS",
            "TTL": 60,
            "ResourceRecords": [{"Value": server} for server in zone["outputs"]["nameServers"]],
        }
        client = self.session.client("route53")
        if action == "DELETE" and not self._is_delegated(client):
            return
        client.change_resource_record_sets(
            HostedZoneId=self.account.parent_zone,
            ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]},
        )

    def _is_delegated(self, client: Any) -> bool:
        found = client.list_resource_record_sets(
            HostedZoneId=self.account.parent_zone,
            StartRecordName=self.account.domain,
            StartRecordType="NS",
            MaxItems="1",
        )["ResourceRecordSets"]
        return any(one["Name"].rstrip(".") == self.account.domain for one in found)


def site_answers(workspace: Workspace) -> None:
    """
    Ask the site as users do, who find the door closed, as the verifier, and as the operator over SSH.

    Raises:
        SiteError: It answers otherwise.
        MigrationError: It does not answer.
    """
    with Hosts(workspace, load_manifest(workspace, TENANT)) as hosts:
        site = hosts.site("test")
        named = wait_until(lambda: _is_named(site.url), deadline_seconds=_NAMED_SECONDS, pace_seconds=5)
        _require(named, f"{site.url} has no address {_NAMED_SECONDS:.0f} s after it stands")
        told = {"users": ask(site).status, "verifier": ask(site, "/version", verified=True).status}
        _require(told == {"users": 503, "verifier": 200}, f"{site.url} answers {told}, not 503 and 200")
        run(hosts.target("test"), "systemctl is-active nginx application", timeout_seconds=120)


def _is_named(url: str) -> bool:
    try:
        return bool(socket.getaddrinfo(urlsplit(url).hostname, 443))
    except OSError:
        return False


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise SiteError(what, state="The trial is taken down.")
