"""The check of inputs against the installed pulumi-aws wheel, and what programs may not ask for."""

import subprocess
import sys
from pathlib import Path

import pytest

from provisioning.aws.component import Unsafe
from provisioning.errors import SiteError

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tests/doubles/aws"))
from wheel import faults  # noqa: E402 - it lies beside the provider that the engine starts

INSTANCE = "aws:rds/instance:Instance"
LISTENER = "aws:lb/listener:Listener"


def test_what_the_wheel_does_not_know_is_named() -> None:
    """An unknown type, an unknown name and a missing one are found, at any depth; sound inputs pass."""
    sound = {
        "loadBalancerArn": "a",
        "defaultActions": [{"type": "redirect", "redirect": {"statusCode": "1"}}],
    }
    assert list(faults(LISTENER, sound)) == []
    assert list(faults(INSTANCE, {})) == [("instanceClass", "is required")]
    deep = {"loadBalancerArn": "a", "defaultActions": [{"type": "redirect", "redirect": {"code": "1"}}]}
    assert list(faults(LISTENER, deep)) == [("defaultActions.redirect.code", "is no argument of this type")]
    assert [why for _, why in faults("aws:ec2/vpd:Vpd", {})] == [
        "pulumi-aws has no resource type aws:ec2/vpd:Vpd"
    ]


def test_an_unsafe_setting_needs_a_reason() -> None:
    """Less than the safe default is had for a reason that explains something, and not otherwise."""
    with pytest.raises(SiteError, match="explains nothing"):
        Unsafe("test")
    assert Unsafe("the trial account ends in May").reason


def test_a_local_stack_does_not_wait_for_pulumi_aws() -> None:
    """What a local stack's program imports leaves pulumi-aws alone."""
    program = "import sys, provisioning.program, provisioning.local.site; print('pulumi_aws' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "False"
