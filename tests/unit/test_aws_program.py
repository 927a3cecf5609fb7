"""Sites and platforms on AWS as their programs declare them, against Pulumi's own mocks."""

import base64
import json
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from provisioning.application import environment
from provisioning.aws.targets import target_group_name
from provisioning.errors import BasculeError, SiteError, WorkspaceError
from provisioning.manifest_file import load_manifest
from provisioning.platform_facts import PlatformFacts
from provisioning.policy.check import violations
from provisioning.site import SiteArgs, SiteOutputs
from tests.support.aws_program import PASSWORD, Declared, declared_stack, policed
from tests.support.aws_sites import HOST_KEY, PLATFORM, TENANT, StandIn
from tests.support.fieldpro import EXAMPLE as FIELDPRO
from tests.support.local_sites import manifest

LAB = {"interfaces": [{"name": "lab", "kind": "sftp", "host": "old", "control": "l", "public_key": HOST_KEY}]}
"""Of a manifest: an interface that delivers by sftp."""


class Vendor:
    """A workspace with two tenants; platforms are declared once."""

    def __init__(self, root: Path) -> None:
        self.files = StandIn(root, "alpha", "beta")
        self.platforms = {
            name: declared_stack(self.files.workspace, f"platform-{name}", PLATFORM)
            for name in ("test", "prod")
        }
        facts = [one.inputs("platform-facts") for one in self.platforms.values()]
        self.parameters = {one["name"]: one["insecureValue"] for one in facts}

    def site(self, stack: str = "alpha-prod", **configuration: str) -> Declared:
        return declared_stack(
            self.files.workspace, stack, {**TENANT, **configuration}, parameters=self.parameters
        )


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Vendor:
    return Vendor(tmp_path_factory.mktemp("vendor"))


@pytest.fixture
def alpha(vendor: Vendor) -> Iterator[StandIn]:
    """The files of the workspace; alpha's manifest is put back."""
    yield vendor.files
    vendor.files.manifest("alpha")


def test_a_platform_tells_what_its_tenants_read(vendor: Vendor) -> None:
    """What one program writes, the other understands, and there is no secret in it."""
    told = vendor.platforms["prod"].inputs("platform-facts")["insecureValue"]
    assert PlatformFacts.model_validate_json(told).domain == "care.example"
    assert PASSWORD not in told


def test_the_account_is_on_record_where_no_organisation_keeps_one(vendor: Vendor) -> None:
    """A trail of all regions, a detector and a recorder of settings are made when they are asked for."""
    made = declared_stack(vendor.files.workspace, "platform-prod", {**PLATFORM, "accountRecord": "true"})
    added = made.resources.keys() - vendor.platforms["prod"].resources.keys()
    assert {one.removeprefix("platform-record-") for one in added} == {
        *("trail", "detector", "role", "reads", "recorder", "channel", "recording")
    }
    said = json.loads(made.inputs("platform-logs-policy")["policy"])["Statement"]
    (asks,) = [one for one in said if one.get("Sid") == "RecordAsks"]
    assert not asks["Resource"].endswith("*")
    assert asks["Condition"] == {"StringEquals": {"aws:SourceAccount": TENANT["account"]}}
    assert violations("platform-prod", policed(made), [], date(2026, 11, 27)) == []


def test_what_names_no_key_gets_the_buckets_own(vendor: Vendor) -> None:
    """An object that says how it is encrypted must say the tenant's key; one that says nothing is taken."""
    made = vendor.site()
    said = json.loads(made.inputs("alpha-store-policy")["policy"])["Statement"]
    found = [one["Condition"] for one in said if one.get("Sid", "").startswith("OwnKey")]
    header = "s3:x-amz-server-side-encryption"
    wanted = {header: "aws:kms", f"{header}-aws-kms-key-id": made.inputs("alpha-artifact-object")["kmsKeyId"]}
    assert found == [
        {"StringNotEquals": {name: value}, "Null": {name: "false"}} for name, value in wanted.items()
    ]
    assert made.inputs("alpha-key-alias")["name"] == "alias/alpha-prod"
    assert made.inputs("alpha-database-events")["snsTopic"]


def test_costs_are_told_by_the_tags_that_everything_carries(vendor: Vendor) -> None:
    """The tags of all resources become columns of the bill, and one of them is what a site's budget sees."""
    made = declared_stack(vendor.files.workspace, "platform-prod", {**PLATFORM, "costTags": "true"})
    active = [one.inputs for one in made.of_type(":CostAllocationTag")]
    carried = made.inputs("platform-key-key")["tags"]
    assert {one["tagKey"]: one["status"] for one in active} == dict.fromkeys(carried, "Active")
    (asked,) = vendor.site().inputs("alpha-budget-budget")["costFilters"]
    assert asked["values"] == ["user:stack$alpha-prod"]
    assert "stack" in carried
    assert vendor.platforms["prod"].of_type(":CostAllocationTag") == []


def test_the_door_follows_its_declaration(vendor: Vendor) -> None:
    """Closed and suspended answer 503 before any host is asked; open sends on. The way to verify stays."""
    for state, reason in (("closed", ""), ("open", ""), ("suspended", "Unpaid <since> May")):
        made = vendor.site(door=state, doorReason=reason)
        (action,) = made.inputs("alpha-door-door")["actions"]
        assert action["type"] == ("forward" if state == "open" else "fixed-response")
        if state == "suspended":
            assert action["fixedResponse"]["statusCode"] == "503"
            assert "Unpaid &lt;since&gt; May" in action["fixedResponse"]["messageBody"]
        verification = made.inputs("alpha-door-verification")
        assert verification["actions"][0]["type"] == "forward"
        assert verification["priority"] < made.inputs("alpha-door-door")["priority"]
        assert made.outputs["door"]["state"] == state


def test_a_name_can_be_led_back(vendor: Vendor) -> None:
    """What a name led to before stands by at weight 0 with a low TTL, and takes over when told to."""

    def weights(**configuration: str) -> list[int]:
        made = vendor.site(previousTarget="192.0.2.10", **configuration)
        records = [made.inputs(f"alpha-names-records-{end}") for end in ("site", "previous")]
        assert records[1]["ttl"] == 60
        return [one["weightedRoutingPolicies"][0]["weight"] for one in records]

    assert weights() == [100, 0]
    assert weights(nameLeadsTo="previous") == [0, 100]
    assert "alpha-names-records-previous" not in vendor.site().resources
    with pytest.raises(SiteError, match="that is not known"):
        vendor.site(nameLeadsTo="previous")
    with pytest.raises(SiteError, match="no IPv4 address"):
        vendor.site(previousTarget="old.example")


def test_a_customers_own_name_waits_for_nobody(vendor: Vendor) -> None:
    """The site stands at a name of ours; theirs is served once what the customer enters was entered."""
    asked = vendor.site(siteName="care.alpha-home.example")
    assert asked.outputs["url"] == "https://alpha-prod.care.example"
    assert "alpha-names-theirs-certificate" in asked.resources
    assert "alpha-names-theirs-served" not in asked.resources
    done = vendor.site(siteName="care.alpha-home.example", certificateIssued="true")
    assert "alpha-names-theirs-served" in done.resources
    assert [one.name for one in done.of_type(":CertificateValidation")] == ["alpha-names-ours-validation"]
    names = done.inputs("alpha-door-door")["conditions"][0]["hostHeader"]["values"]
    assert names == ["alpha-prod.care.example", "care.alpha-home.example"]
    with pytest.raises(SiteError, match="records are the customer's to change"):
        vendor.site(siteName="care.alpha-home.example", previousTarget="192.0.2.10")


def test_what_a_host_starts_with_is_its_content(vendor: Vendor, alpha: StandIn) -> None:
    """Unchanged, hosts start with the same words; another artifact makes other words, and new hosts."""

    def started() -> bytes:
        return base64.b64decode(vendor.site().inputs("alpha-hosts-template")["userData"])

    before = started()
    assert started() == before
    assert len(before) < 16_384
    program = alpha.workspace.root / "artifact" / "run"
    text = program.read_text()
    program.write_text(text + "# changed\n")
    assert started() != before
    program.write_text(text)
    assert started() == before


def settings_of(made: Declared, template: str = "alpha-hosts-template") -> dict[str, str]:
    """What a site's hosts are told."""
    text = base64.b64decode(made.inputs(template)["userData"]).decode()
    settings: dict[str, str] = json.loads(text.split("SETTINGS'\n")[1].split("\nSETTINGS")[0])
    return settings


def environment_of(made: Declared) -> dict[str, str]:
    """What a site's application finds in its environment."""
    lines = settings_of(made)["application_environment"].splitlines()
    return {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}


def test_the_application_finds_what_it_finds_elsewhere(vendor: Vendor, alpha: StandIn) -> None:
    """Every name that any substrate gives an application is there, with services as they are switched on."""
    services = [{"name": name, "title": name, "path": f"/{name}"} for name in ("box", "connect")]
    alpha.manifest("alpha", services=services)
    made = vendor.site(services="connect")
    args = SiteArgs(manifest=load_manifest(alpha.workspace, "alpha"), environment="prod")
    found = environment_of(made)
    assert found.keys() == {*environment(args, str, listen=""), "APP_DATABASE", "PGPASSFILE"}
    assert found["APP_SERVICES"] == "connect"
    assert made.outputs["services"] == ["connect"]
    assert found["APP_CONNECTIONS"] == made.outputs["connections"]


def test_files_are_served_as_the_identity_provider_says(vendor: Vendor, alpha: StandIn) -> None:
    """The application knows the provider; its token is a secret, and one that others read is refused."""
    root = alpha.workspace.root
    for name, mode in (("token", 0o600), ("ca.pem", 0o644)):
        (root / name).write_text("of the provider\n")
        (root / name).chmod(mode)
    access = {
        "roles": [{"name": "nurse", "title": "Nurse", "files": {"notes": ["read"]}}],
        "sheet": "people.csv",
        "scim": {"url": "https://id.example/scim/v2/", "token_file": "token", "ca_file": "ca.pem"},
        "served": {"path": "/files", "token_file": "token"},
    }
    alpha.manifest("alpha", access=access)
    with pytest.raises(WorkspaceError, match=r"id\.example:443, and bascule:reaches leads hosts to no such"):
        vendor.site()
    made = vendor.site(reaches="10.99.0.4/32:443")
    assert environment_of(made)["APP_ACCOUNTS"] == "https://id.example/scim/v2"
    assert environment_of(made)["APP_ACCOUNTS_TOKEN_FILE"] == "/srv/site/etc/application/accounts-token"
    assert settings_of(made)["accounts_authority"] == "of the provider"
    kept = json.loads(made.inputs("alpha-secrets-values")["secretString"])
    assert kept["accounts_token"] == "of the provider"
    (root / "token").chmod(0o644)
    with pytest.raises(SiteError, match="others may read it"):
        vendor.site(reaches="10.99.0.4/32:443")


def test_hosts_reach_what_is_named_and_nothing_else(vendor: Vendor) -> None:
    """Each end is a rule of its own, for hosts and runner; what is on the internet asks for a way out."""
    with pytest.raises(SiteError, match=r"198\.51\.100\.7/32:443, and its platform has no way out"):
        vendor.site(reaches="198.51.100.7/32:443")
    name = "/bascule/platform/prod"
    leads_out = declared_stack(vendor.files.workspace, "platform-prod", {**PLATFORM, "wayOut": "true"})
    assert leads_out.outputs["way_out"] is not None
    gateway = leads_out.resources["platform-network-way-out"].identity
    assert leads_out.inputs("platform-network-private-way-out")["natGatewayId"] == gateway
    assert vendor.platforms["prod"].of_type(":NatGateway") == []
    facts = {name: leads_out.inputs("platform-facts")["insecureValue"]}
    ends = {"reaches": "198.51.100.7/32:443, 10.99.0.0/24:5432", "moving": "true", "runner": "true"}
    made = declared_stack(vendor.files.workspace, "alpha-prod", {**TENANT, **ends}, parameters=facts)
    for who in ("alpha-hosts", "alpha-runner"):
        rules = [made.inputs(f"{who}-to-{end}") for end in ("198.51.100.7-32-443", "10.99.0.0-24-5432")]
        assert [(one["cidrIpv4"], one["fromPort"]) for one in rules] == [
            ("198.51.100.7/32", 443),
            ("10.99.0.0/24", 5432),
        ]
    assert violations("alpha-prod", policed(made), [], date(2026, 11, 27)) == []
    assert violations("platform-prod", policed(leads_out), [], date(2026, 11, 27)) == []


def test_a_site_is_set_up_from_a_template(vendor: Vendor, alpha: StandIn) -> None:
    """The template comes to the host as an archive of its own, and whoever reads figures has a role."""
    shutil.copytree(FIELDPRO / "templates", alpha.workspace.root / "templates", dirs_exist_ok=True)
    deployment = {
        "kind": "template",
        "template": "visits",
        "begins_on": "2027-01-04",
        "contact": {"name": "Rosa Frei", "email": "rosa@alpha.example"},
        "fee": "900",
    }
    alpha.manifest("alpha", deployment=deployment)
    made = vendor.site()
    assert made.outputs["template"] == "/srv/site/template"
    assert made.outputs["database"]["reader"]["name"] == "care_reader"
    assert settings_of(made)["template"] == made.inputs("alpha-template-object")["key"]
    assert settings_of(made)["roles"].split()[-1] == "reader"
    assert "template-visits.zip" in made.inputs("alpha-template-object")["source"]


def test_interfaces_deliver_by_sftp_from_where_they_are(vendor: Vendor, alpha: StandIn) -> None:
    """A way in of their own leads from named addresses to the inbox; a site without them has none."""
    assert vendor.site().of_type(":LoadBalancer") == []
    alpha.manifest("alpha", **LAB)
    made = vendor.site(interfacesFrom="192.0.2.0/28, 198.51.100.7/32")
    entrance = [one for one in made.of_type(":SecurityGroupIngressRule") if "cidrIpv4" in one.inputs]
    assert {one.inputs["cidrIpv4"] for one in entrance} == {"192.0.2.0/28", "198.51.100.7/32"}
    assert {one.inputs["fromPort"] for one in entrance} == {22}
    assert made.outputs["sftp"]["host"] == made.inputs("alpha-inbox-name")["name"]
    listening = made.inputs("alpha-inbox-sftp")["defaultActions"][0]["targetGroupArn"]
    assert listening in made.inputs("alpha-hosts-hosts")["targetGroupArns"]
    assert settings_of(made)["inbox_keys"].endswith(HOST_KEY)
    kept = json.loads(made.inputs("alpha-secrets-values")["secretString"])
    assert kept["inbox_host_key"] == PASSWORD  # as the mocks make keys
    assert violations("alpha-prod", policed(made), [], date(2026, 11, 27)) == []


def test_no_secret_is_in_what_a_host_starts_with(vendor: Vendor) -> None:
    """Secrets are in the one place that keeps them, and in no other resource."""
    made = vendor.site()
    holders = [one.name for one in made.resources.values() if PASSWORD in json.dumps(one.inputs)]
    # The mocks give keys and passwords the same value; the public key is one of them.
    assert sorted(holders) == ["alpha-secrets-values"]
    template = base64.b64decode(made.inputs("alpha-hosts-template")["userData"]).decode()
    assert template.count(PASSWORD) == 1
    assert settings_of(made)["login_key"] == PASSWORD


def test_a_mover_is_there_while_a_move_lasts(vendor: Vendor) -> None:
    """Its password is one of the host's secrets, and the contract names it; afterwards neither is there."""
    for moving in (True, False):
        made = vendor.site(moving=str(moving).lower())
        (values,) = [one.inputs for one in made.of_type(":SecretVersion")]
        assert ("mover_password" in json.loads(values["secretString"])) is moving
        assert (made.outputs["database"].get("mover") is not None) is moving


def test_a_tunnel_ends_at_the_hosts_while_it_is_asked_for(vendor: Vendor, alpha: StandIn) -> None:
    """Its key is in what a host starts with, and the database reaches it by its ports; else neither."""
    legacy = manifest("alpha")["legacy"]
    legacy["hosts"][0]["tunnel"] = {"public_key": HOST_KEY}
    alpha.manifest("alpha", legacy=legacy)
    for tunnels in (True, False):
        made = vendor.site(tunnels=str(tunnels).lower())
        (template,) = made.of_type(":LaunchTemplate")
        assert (HOST_KEY in base64.b64decode(template.inputs["userData"]).decode()) is tunnels
        opened = [one.inputs for one in made.of_type("IngressRule") if one.inputs["fromPort"] == 47000]
        assert [one["toPort"] for one in opened] == [47179] * tunnels


def test_sizes_are_the_smallest_that_hold_what_was_asked(vendor: Vendor, alpha: StandIn) -> None:
    """Memory and workers choose classes; what no class holds is refused."""

    def classes(memory: int, workers: int) -> tuple[str, str]:
        sizing = {"database_memory_mb": memory, "application_workers": workers}
        alpha.manifest("alpha", sizing={"prod": sizing})
        made = vendor.site()
        return (
            made.inputs("alpha-database-instance")["instanceClass"],
            made.inputs("alpha-hosts-template")["instanceType"],
        )

    assert classes(64, 4) == ("db.t4g.small", "t4g.medium")
    assert classes(4096, 5) == ("db.m7g.large", "m7g.large")
    assert classes(65536, 64) == ("db.r7g.4xlarge", "m7g.4xlarge")


def test_every_alarm_reaches_somebody(vendor: Vendor) -> None:
    """Each alarm has an action, also when it ends, a runbook of its own, and a word for silence."""
    alarms = [one.inputs for one in vendor.site().of_type(":MetricAlarm")]
    assert len(alarms) == 11
    assert all(one["alarmActions"] == one["okActions"] != [] for one in alarms)
    links = {one["alarmDescription"].split("What to do: ")[1] for one in alarms}
    assert len(links) == len(alarms)
    assert all(link.startswith("https://runbooks.vendor.example/") for link in links)


@pytest.mark.parametrize(
    ("manifest", "configuration", "told"),
    [
        ({}, {"budget": "much"}, "bascule:budget is 'much'"),
        ({}, {"nameLeadsTo": "nowhere"}, "must be site or previous"),
        ({}, {"reaches": "198.51.100.7/32"}, "names no port"),
        ({}, {"reaches": "0.0.0.0/0:443"}, "0.0.0.0/0 is far more than one customer's"),
        ({}, {"runnerDisk": "big"}, "bascule:runnerDisk is 'big'"),
        ({}, {"doorPlace": "first"}, "bascule:doorPlace is 'first'"),
        ({}, {"doorPlace": "24001"}, "a door's place is 1 to 24000"),
        ({}, {"account": "999"}, "must be its 12 digits"),
        ({}, {"account": "999999999999"}, "of account 111122223333"),
        ({}, {"region": "Zurich"}, "bascule:region is 'Zurich'"),
        ({}, {"deletable": "because"}, "explains nothing"),
        ({}, {"door": "ajar"}, "bascule:door is 'ajar'"),
        ({}, {"runner": "true", "tunnels": "true"}, "no runner reaches a tunnel, which ends at a host"),
        (LAB, {}, "interfaces/lab delivers by sftp, and bascule:interfacesFrom does not say whence"),
        (LAB, {"interfacesFrom": "192.0.2.1/28"}, "bascule:interfacesFrom: 192.0.2.1/28 has host bits set"),
        (LAB, {"interfacesFrom": "0.0.0.0/0"}, "0.0.0.0/0 is far more than one customer's"),
        (
            {"application": {"name": "echo", "version": "1.0.0", "artifact": "gone"}},
            {},
            "there is no artifact at",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    vendor: Vendor, alpha: StandIn, manifest: dict[str, Any], configuration: dict[str, str], told: str
) -> None:
    """A wrong configuration, and what AWS cannot give, end the program with their text."""
    alpha.manifest("alpha", **manifest)
    with pytest.raises(BasculeError, match=told):
        vendor.site(**configuration)


def test_the_authorities_of_databases_are_pinned(vendor: Vendor, alpha: StandIn) -> None:
    """Without the region's certificates in the workspace no site is declared; where they are is told."""
    kept = alpha.workspace.stacks / "rds-eu-central-2.pem"
    text = kept.read_text()
    kept.unlink()
    try:
        with pytest.raises(WorkspaceError, match=r"(?s)stacks/rds-eu-central-2\.pem.*truststore\.pki\.rds"):
            vendor.site()
    finally:
        kept.write_text(text)


def test_an_older_platform_is_told(vendor: Vendor) -> None:
    """What this program does not understand of its platform is named, with the command that mends it."""
    told = {"/bascule/platform/prod": json.dumps({"form": 1, "vpc_id": "vpc-1"})}
    with pytest.raises(SiteError, match=r"(?s)private_subnets.*pulumi up -s platform-prod"):
        declared_stack(vendor.files.workspace, "alpha-prod", TENANT, parameters=told)


def test_names_of_target_groups_fit() -> None:
    """AWS takes 32 characters; two tenants whose names begin alike have groups apart."""
    long = [f"pflegeheim-am-see-{place}-prod" for place in ("nord", "ost")]
    assert all(len(target_group_name(one)) <= 32 for one in long)
    assert target_group_name(long[0]) != target_group_name(long[1])


def test_outputs_are_the_contracts(vendor: Vendor) -> None:
    """Every output is one that the site contract knows, and none of it is missing."""
    fields = SiteOutputs.model_fields
    outputs = vendor.site().outputs
    assert set(outputs) <= set(fields)
    assert {name for name, one in fields.items() if one.is_required()} <= set(outputs)
    assert yaml.safe_load((vendor.files.workspace.stacks / "alpha.yaml").read_text())["substrate"] == "aws"


def test_a_runner_carries_the_work_while_a_move_lasts(vendor: Vendor) -> None:
    """A machine of the hosts' size stands beside them when it is asked for, is told no secret, and goes."""
    plain = vendor.site(moving="true")
    assert plain.outputs["ssh"]["runner"] is None
    assert vendor.site(runner="true").resources.keys() == vendor.site().resources.keys()
    made = vendor.site(moving="true", runner="true", runnerDisk="250")
    added = made.resources.keys() - plain.resources.keys()
    assert all(name.startswith("alpha-runner-") for name in added)
    assert len(added) < 25
    mine, hosts = made.inputs("alpha-runner-template"), made.inputs("alpha-hosts-template")
    assert mine["instanceType"] == hosts["instanceType"]
    sizes = [one["blockDeviceMappings"][0]["ebs"]["volumeSize"] for one in (mine, hosts)]
    assert sizes == [250, 30]
    told = base64.b64decode(mine["userData"]).decode()
    assert not {"secret", "master_secret", "artifact"} & settings_of(made, "alpha-runner-template").keys()
    assert PASSWORD not in told.replace(f'"login_key": "{PASSWORD}"', "")
    (rights,) = [one.inputs for one in made.of_type(":RolePolicy") if one.name == "alpha-runner-host-policy"]
    assert "secretsmanager" not in rights["policy"]
    config = made.outputs["ssh"]["config"]
    assert "Host alpha-prod-runner\n" in config
    assert config.count("Name=tag:role,Values=runner ") == config.count("Name=tag:role,Values=host ") == 1
    place = made.inputs("alpha-runner-asked")["priority"]
    assert made.inputs("alpha-door-door")["priority"] <= 48_000 < place < 50_000
    assert violations("alpha-prod", policed(made), [], date(2026, 11, 27)) == []


def test_a_staging_bucket_is_there_while_a_move_lasts(vendor: Vendor) -> None:
    """Copies wait in a bucket that is as private as any other, empties itself, and goes with the move."""
    made = vendor.site(moving="true")
    before = vendor.site()
    added = made.resources.keys() - before.resources.keys()
    assert {name.removeprefix("alpha-staging-copies-") for name in added} == {
        *(
            "bucket",
            "versioning",
            "encryption",
            "public-access",
            "ownership",
            "policy",
            "lifecycle",
            "logging",
        )
    }
    rules = made.inputs("alpha-staging-copies-lifecycle")["rules"]
    assert [one["expiration"] for one in rules if "expiration" in one] == [{"days": 30}]
    assert rules[0]["noncurrentVersionExpiration"] == {"noncurrentDays": 1}
    assert before.outputs["staging"] is None
    assert violations("alpha-prod", policed(made), [], date(2026, 11, 27)) == []


def test_a_site_with_all_that_it_can_have_stays_small(vendor: Vendor, alpha: StandIn) -> None:
    """Runner, staging, a way in for sftp, a customer's own name, ends to reach: below 150 resources."""
    alpha.manifest("alpha", **LAB)
    made = vendor.site(
        siteName="care.alpha-home.example",
        certificateIssued="true",
        moving="true",
        runner="true",
        interfacesFrom="192.0.2.0/28, 198.51.100.7/32",
        reaches="10.99.0.4/32:443, 10.99.0.0/24:5432",
    )
    assert 100 < len(made.resources) < 140  # and a dozen of other kinds: passwords, keys
    assert violations("alpha-prod", policed(made), [], date(2026, 11, 27)) == []
