"""
Tags: what every resource says of itself, for bills, for searches, and for finding what no state knows.

Promise: a resource of one stack can be told from every other stack's by its tags alone.
"""

from provisioning.manifest import Environment

MANAGED_BY = "bascule"


def tags_of(tenant: str, environment: Environment, *, data_class: str = "personal") -> dict[str, str]:
    """
    Return the tags of one stack's resources.

    Args:
        data_class: ``personal`` for whatever a tenant's data may lie in, ``none`` for the shared parts.
    """
    return {
        "tenant": tenant,
        "environment": environment,
        "stack": f"{tenant}-{environment}",
        "data-class": data_class,
        "managed-by": MANAGED_BY,
    }
