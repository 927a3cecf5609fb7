"""
SSM parameters: what a program reads of its platform, and where a site's hosts report.

Promise: what is not understood is told by name, before any resource is declared.
"""

import pulumi_aws as aws
from pulumi import InvokeOptions
from pydantic import ValidationError

from provisioning.errors import SiteError
from provisioning.manifest import Environment
from provisioning.platform_facts import PlatformFacts, parameter_name


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
