"""What sites on AWS cost at least: by what their programs declare, and never zero for want of a price."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from migrate.case import Case
from migrate.documents import Voice, render
from migrate.offer import write_offer
from migrate.tasks.cost import cost
from provisioning.cost import floor as reckoning
from provisioning.cost.floor import Floor, cost_of, floor_of
from provisioning.cost.meters import BY_USE, FREE, charges
from provisioning.cost.outline import outline
from provisioning.cost.prices import PriceTable, load_prices
from provisioning.errors import EngineError, ManifestError, WorkspaceError
from provisioning.manifest_file import load_manifest
from provisioning.policy.resources import Resource
from tests.support import quoting
from tests.support.aws_sites import HOST_KEY, StandIn
from tests.support.local_sites import CHECKOUT
from tests.unit.test_aws_program import Vendor
from tests.unit.test_documents_pdf import text_of

REGION = "eu-central-1"


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> StandIn:
    """Two tenants on AWS in a region with a price table; nothing stands anywhere."""
    made = StandIn(tmp_path_factory.mktemp("vendor"), "alpha", "beta")
    stacks = made.workspace.stacks
    stacks.joinpath("rds-eu-central-1.pem").write_text((stacks / "rds-eu-central-2.pem").read_text())
    stacks.joinpath("Pulumi.platform-prod.yaml").write_text(f"config:\n  bascule:region: {REGION}\n")
    return made


@pytest.fixture(scope="module")
def declared(vendor: StandIn) -> dict[str, list[Resource]]:
    """What the programs of both environments declare, by their one run for these tests."""
    stacks = [f"{owner}-{one}" for owner in ("alpha", "platform") for one in ("test", "prod")]
    return outline(vendor.workspace, dict.fromkeys(stacks, REGION))


@pytest.fixture(scope="module")
def floor(vendor: StandIn, declared: dict[str, list[Resource]]) -> Floor:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reckoning, "outline", lambda *_: declared)
        return floor_of(vendor.workspace, "alpha")


@pytest.fixture
def files(vendor: StandIn) -> Iterator[Path]:
    """The vendor's stacks folder; alpha's manifest and the region's own prices are put back."""
    yield vendor.workspace.stacks
    vendor.manifest("alpha")
    (vendor.workspace.stacks / f"prices.{REGION}.yaml").unlink(missing_ok=True)


def table(stacks: Path, **changed: dict[str, float]) -> None:
    """Write the workspace's own table: the shipped one with some prices changed."""
    text = (CHECKOUT / f"provisioning/cost/prices.{REGION}.yaml").read_text()
    read = yaml.safe_load(text)
    read["prices"] |= {name.replace("_", " "): price for name, price in changed.items()}
    (stacks / f"prices.{REGION}.yaml").write_text(yaml.safe_dump(read))


def test_both_sites_and_their_share_of_the_platforms_are_priced(floor: Floor) -> None:
    """A line a type, by what the program declares: a standby in prod alone, platforms shared by two."""
    known = {one.stack: one for one in floor.stacks}
    assert list(known) == ["alpha-test", "alpha-prod", "platform-test", "platform-prod"]
    database = {
        stack: next(line for line in known[stack].lines if line.type == "aws:rds/instance:Instance")
        for stack in ("alpha-test", "alpha-prod")
    }
    # Class for 730 hours, 20 GB, and the master's password as a secret.
    assert database["alpha-test"].a_month == Decimal("0.037") * 730 + 20 * Decimal("0.137") + Decimal("0.40")
    assert database["alpha-prod"].a_month == Decimal("0.074") * 730 + 20 * Decimal("0.274") + Decimal("0.40")
    endpoints = next(line for line in known["platform-prod"].lines if line.type.endswith(":VpcEndpoint"))
    assert endpoints.a_month == 9 * 2 * 730 * Decimal("0.012")
    assert (known["platform-prod"].sharers, known["alpha-prod"].sharers) == (2, 1)
    assert floor.total == sum(one.total if one.sharers == 1 else one.part for one in floor.stacks)
    assert (floor.not_priced, known["alpha-prod"].currency) == ((), "USD")
    assert "aws:s3/bucket:Bucket" in known["alpha-prod"].by_use


def test_the_outline_is_what_the_program_declares(
    declared: dict[str, list[Resource]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same resources as under the tests' own mocks, and somebody looked up what each of them costs."""
    whole = Vendor(tmp_path_factory.mktemp("whole"))
    elsewhere = whole.site(siteName="care.alpha-home.example")  # the outline knows no zone of the class
    for stack, made in (("alpha-prod", elsewhere), ("platform-test", whole.platforms["test"])):
        resources = declared[stack]
        assert {one.name: one.type for one in resources} == {
            name: one.type for name, one in made.resources.items()
        }
        assert [one.type for one in resources if charges(one, resources) is None] == []
    assert not BY_USE & FREE


def test_what_has_no_price_is_named_and_never_zero(files: Path, vendor: StandIn) -> None:
    """A class that the table lacks, and a type that nobody looked up, stand as not priced."""
    vendor.manifest("alpha", sizing={"prod": {"database_memory_mb": 4096, "application_workers": 16}})
    fab = [str(Path(sys.executable).with_name("fab")), "-r", str(CHECKOUT), "cost", "--tenant", "alpha"]
    said = subprocess.run(fab, cwd=vendor.workspace.root, text=True, capture_output=True, check=True).stdout
    assert "not priced, and to be added: database db.m7g.large with standby, host m7g.xlarge" in said
    prices = load_prices(vendor.workspace, REGION)
    unknown = cost_of("x-prod", [Resource("aws:new/thing:Thing", "it", {})], prices)
    assert unknown.not_priced == ("aws:new/thing:Thing",)
    alone = cost_of("x-prod", [Resource("aws:autoscaling/group:Group", "it", {"minSize": 2})], prices)
    assert alone.not_priced == ("host None",)


def test_the_command_tells_a_script(
    files: Path,
    vendor: StandIn,
    floor: Floor,
    declared: dict[str, list[Resource]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """``--json`` holds each line and the sum; a workspace's own prices go before those that ship."""
    monkeypatch.setattr(reckoning, "outline", lambda *_: declared)
    monkeypatch.setenv("BASCULE_WORKSPACE", str(vendor.workspace.root))
    table(files, alarm={"month": 1.1})
    cost.body(None, "alpha", json=True)
    told = json.loads(capsys.readouterr().out)
    # 11 alarms a site and half of one of each platform, a dollar more each.
    assert Decimal(told["total"]) == floor.total + 23
    assert {line["type"] for line in told["stacks"][0]["lines"]} >= {"aws:kms/key:Key"}


def test_what_cannot_be_reckoned_is_told(files: Path, vendor: StandIn, tmp_path: Path) -> None:
    """No region, no table for it, and a manifest that the program refuses end with what to do."""
    with pytest.raises(ManifestError, match=r"prices\.eu-west-9\.yaml does not exist"):
        load_prices(vendor.workspace, "eu-west-9")
    with pytest.raises(WorkspaceError, match="no stack says in which region"):
        floor_of(StandIn(tmp_path, "gamma").workspace, "gamma")
    sftp = {"name": "lab", "kind": "sftp", "host": "old", "control": "l", "public_key": HOST_KEY}
    vendor.manifest("alpha", interfaces=[sftp])
    with pytest.raises(EngineError, match="interfacesFrom does not say whence"):
        floor_of(vendor.workspace, "alpha")
    vendor.manifest("alpha", substrate="local")
    with pytest.raises(WorkspaceError, match="does not stand on AWS"):
        floor_of(vendor.workspace, "alpha")


def test_a_price_is_of_an_hour_or_of_a_month() -> None:
    """One of the two, and more than nothing."""
    base = {"region": REGION, "currency": "USD", "as_of": "2026-09-13", "source": "https://aws.example"}
    for wrong in ({}, {"hour": 1, "month": 1}, {"month": 0}):
        with pytest.raises(ValueError, match=r"one of the two|greater than 0"):
            PriceTable.model_validate({**base, "prices": {"key": wrong}})


def test_an_offer_shows_the_floor(
    files: Path,
    vendor: StandIn,
    floor: Floor,
    declared: dict[str, list[Resource]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The PDF of a tenant on AWS shows it; new prices keep an offer, another size does not."""
    rates, asked, measured = quoting.rates(), quoting.request(), quoting.assessment()
    monkeypatch.setattr(reckoning, "outline", lambda *_: declared)

    def offered() -> tuple[Case, str]:
        case = Case(vendor.workspace, load_manifest(vendor.workspace, "alpha"))
        offer = write_offer(case, measured, asked, rates)
        voice = Voice.of(case.manifest)
        pdf = render("offer", voice, customer=case.manifest, vendor=offer.vendor, offer=offer)
        return case, text_of(pdf)

    case, text = offered()
    voice = Voice.of(case.manifest)
    for one in floor.stacks:
        assert " ".join(voice.money(one.part, "USD").split()) in text
    assert " ".join(voice.money(floor.total, "USD").split()) in text
    assert voice.say("floor.title") in text
    table(files, alarm={"month": 5})
    assert offered()[1] == text
    hosts = {"aws:ec2/launchTemplate:LaunchTemplate": {"instanceType": "m7g.large"}}
    larger = [
        replace(one, inputs={**one.inputs, **hosts.get(one.type, {})}) for one in declared["alpha-prod"]
    ]
    monkeypatch.setattr(reckoning, "outline", lambda *_: {**declared, "alpha-prod": larger})
    assert voice.say("floor.not_priced", names="host m7g.large") in offered()[1]
