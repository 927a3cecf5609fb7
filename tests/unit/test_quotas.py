"""Whether there is room for one more site, asked of moto's AWS."""

from collections.abc import Iterator
from typing import Any

import pytest

from provisioning import quotas
from provisioning.errors import SiteError
from provisioning.pinned import Pinned
from provisioning.platform_facts import PlatformFacts, parameter_name
from provisioning.quotas import Room, room_for_a_platform, room_for_a_site
from tests.support.aws_account import an_account_within

ACCOUNT = "123456789012"  # moto's
REGION = "eu-central-1"
PINNED = Pinned("platform-prod", ACCOUNT, REGION)


@pytest.fixture
def session() -> Iterator[Any]:
    """An account with a platform whose listener has the certificate of one tenant and one rule."""
    with an_account_within(REGION) as made:
        network = made.client("ec2")
        vpc = network.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            network.create_subnet(
                VpcId=vpc, CidrBlock=f"10.20.{16 * n}.0/20", AvailabilityZone=f"{REGION}{zone}"
            )["Subnet"]["SubnetId"]
            for n, zone in enumerate("ab")
        ]
        platform, alpha = (
            made.client("acm").request_certificate(DomainName=f"{name}.care.example")["CertificateArn"]
            for name in ("platform", "alpha")
        )
        balancers = made.client("elbv2")
        balancer = balancers.create_load_balancer(Name="shared", Subnets=subnets)["LoadBalancers"][0]
        listener = balancers.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="HTTPS",
            Port=443,
            Certificates=[{"CertificateArn": platform}],
            DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
        )["Listeners"][0]["ListenerArn"]
        group = balancers.create_target_group(Name="alpha", Protocol="HTTPS", Port=8443, VpcId=vpc)
        balancers.create_rule(
            ListenerArn=listener,
            Priority=1,
            Conditions=[{"Field": "host-header", "Values": ["alpha.care.example"]}],
            Actions=[{"Type": "forward", "TargetGroupArn": group["TargetGroups"][0]["TargetGroupArn"]}],
        )
        balancers.add_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": alpha}])
        facts: dict[str, Any] = {
            name: [] if "subnets" in name else name
            for name, one in PlatformFacts.model_fields.items()
            if one.is_required()
        }
        told = PlatformFacts.model_validate({**facts, "listener_arn": listener})
        made.client("ssm").put_parameter(
            Name=parameter_name("prod"), Value=told.model_dump_json(), Type="String"
        )
        yield made


def test_what_is_used_is_counted(session: Any) -> None:
    """Certificates, rules, groups and databases are counted, what every listener has by default is not."""
    session.client("rds").create_db_instance(
        DBInstanceIdentifier="alpha", DBInstanceClass="db.t4g.small", Engine="postgres"
    )
    found = room_for_a_site(session, "prod", PINNED)
    assert [str(one) for one in found] == [
        "certificates: 1 of 25 used",
        "target groups: 1 of 100 used",
        "rules: 1 of 100 used",
        "databases: 1 of 40 used",
    ]


def test_what_would_be_crossed_is_named(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one more site does not fit, the limit is named with how many are missing."""
    monkeypatch.setitem(quotas._LIMITS, "certificates", ("elasticloadbalancing", "L-9365A611", 2))
    found = room_for_a_site(session, "prod", PINNED)
    assert [str(one) for one in found if not one.is_enough] == [
        "certificates: 1 of 2 used: no room for 2 more"
    ]


def test_a_raised_limit_counts_as_raised(session: Any) -> None:
    """What the account's own quota says goes before AWS's default."""
    found = room_for_a_platform(session)
    assert (found.what, found.limit, found.needed) == ("networks", 5, 1)
    assert found.used == 2  # moto's own, and the platform's
    assert not Room("networks", 5, 5, 1).is_enough


def test_another_accounts_credentials_are_refused(session: Any) -> None:
    """Another account's room says nothing about this one's."""
    with pytest.raises(
        SiteError, match="belongs to AWS account 999999999999, the credentials to 123456789012"
    ):
        room_for_a_site(session, "prod", Pinned("platform-prod", "999999999999", REGION))


def test_no_platform_is_told(session: Any) -> None:
    """Before the platform stands nothing is known, and the next command is named."""
    with pytest.raises(SiteError, match=r"(?s)ParameterNotFound.*pulumi up -s platform-test"):
        room_for_a_site(session, "test", PINNED)
