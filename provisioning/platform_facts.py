"""
What the tenants of a class must know of their platform on AWS: one SSM parameter, written and read whole.

Not a stack reference: that needs the other stack's key, even for what is no secret, and one key would open
both.

Promise: no secret is in it, and nobody ever reads half of a change; `form` tells a later program what wrote
it. Imports nothing of AWS.
"""

from typing import Literal

from provisioning.manifest import Environment
from provisioning.model import Model


class PlatformFacts(Model):
    """What ``platform-<class>`` tells its tenants."""

    form: Literal[1] = 1
    vpc_id: str
    public_subnets: tuple[str, ...] = ()
    """None of a platform that was set up before a site could ask for them."""
    private_subnets: list[str]
    data_subnets: list[str]
    has_way_out: bool = False
    """Whether hosts can reach what is on the internet, where their own rules let them."""
    endpoint_group: str
    object_store: str
    """Prefix list of S3."""
    balancer_suffix: str
    balancer_dns: str
    balancer_zone: str
    listener_arn: str
    balancer_group: str
    domain: str
    """The class's own zone: names that end with it are ours to prove."""
    zone_id: str
    log_bucket: str
    topic_arn: str
    backup_plan: str
    backup_role: str
    boundary_arn: str
    image_id: str
    runbooks: str
    """Address that an alarm's name is appended to."""


def parameter_name(environment: Environment) -> str:
    return f"/bascule/platform/{environment}"
