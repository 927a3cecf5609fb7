"""
What the tenants of a class must know of their platform: one SSM parameter, written whole and read whole.

Not a stack reference: that needs the other stack's key, even for what is no secret, and one key would open
both.

Promise: no secret is in it, and nobody ever reads half of a change; `form` tells a later program what wrote
it.
"""

from typing import Literal

import pulumi_aws as aws
from pulumi import InvokeOptions
from pydantic import BaseModel, ConfigDict, ValidationError

from provisioning.errors import SiteError
from provisioning.manifest import Environment


class PlatformFacts(BaseModel):
    """What ``platform-<class>`` tells its tenants."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    form: Literal[1] = 1
    vpc_id: str
    private_subnets: list[str]
    data_subnets: list[str]
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


def site_parameter(stack: str, what: str) -> str:
    """Where the hosts of a site report something, such as ``host-keys``."""
    return f"/bascule/site/{stack}/{what}"


def platform_facts(environment: Environment, provider: aws.Provider) -> PlatformFacts:
    """
    Read what the platform of a class told. (That there is no platform is told by AWS.)

    Raises:
        SiteError: It is not what this program understands.
    """
    read = aws.ssm.get_parameter(name=parameter_name(environment), opts=InvokeOptions(provider=provider))
    try:
        return PlatformFacts.model_validate_json(read.insecure_value)
    except ValidationError as error:
        named = {".".join(map(str, fault["loc"])) or "all of it" for fault in error.errors()}
        raise SiteError(
            f"{parameter_name(environment)} is not as this program writes it: {', '.join(sorted(named))}",
            state="Nothing was touched.",
            next_step=f"pulumi up -s platform-{environment}, with this version of the program",
        ) from None
