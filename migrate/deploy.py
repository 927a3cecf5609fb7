"""
Deploying a tenant's site: Pulumi brings it to what its program says, and a preview proves that it is so.

Promise: repeating it changes nothing that is right already; a site that does not match its program
afterwards is an error, and what changed in it is named.
"""

import base64
import hashlib
from datetime import UTC, datetime
from time import monotonic

from pydantic import AwareDatetime

from migrate import legacy_tunnel
from migrate.case import Case
from migrate.door import OPENS
from migrate.matching import require_match
from migrate.step import Progress
from provisioning.door_state import DoorState
from provisioning.engine import Stack
from provisioning.manifest import Environment
from provisioning.model import Model
from provisioning.site import SiteOutputs


class DeployedSite(Model):
    """Evidence ``site-test`` or ``site-prod``: the stack's outputs, without secrets."""

    stack: str
    environment: Environment
    substrate: str
    url: str
    site_name: str
    application_name: str
    application_version: str
    door: DoorState
    host_key: str
    """Fingerprint of the pinned host key, as ``ssh-keygen -l`` shows it."""
    database: str
    """``host:port/dbname``."""
    deployed_at: AwareDatetime
    up_seconds: float
    preview_seconds: float


def deploy(
    case: Case,
    environment: Environment,
    site_name: str,
    progress: Progress,
    *,
    opens: datetime | None = None,
) -> DeployedSite:
    """
    Stand up one environment, or bring it back to its program.

    Args:
        site_name: As agreed with the customer; it may differ from the manifest's.
        opens: By when it is to be open, on the customer's wall clock: what its closed door tells.

    The site has its mover's role from now on, until the way back is given up.

    Raises:
        EngineError: The engine refused.
        SiteError: The site does not match its program right after it was brought there.
    """
    stack = Stack(case.workspace, case.manifest.stack(environment))
    progress.start(f"deploy {stack.name}", None, "steps")
    stack.ensure()
    _name(stack, site_name, case.manifest.site_name)
    if opens is not None and stack.settings.get("bascule:door") != "open":
        stack.set_config(OPENS, opens.isoformat())
    # Who begins afresh has nothing to be moved, so no mover.
    stack.set_config("bascule:moving", "false" if case.manifest.begins_afresh else "true")
    legacy_tunnel.admit(stack, case.manifest)
    started = monotonic()
    stack.up()
    up_seconds = monotonic() - started
    progress.say(f"{stack.name} stands after {up_seconds:.1f} s")
    started = monotonic()
    require_match(
        stack,
        "does not match its program right after it was deployed",
        state="The site stands, its door as the stack says.",
    )
    preview_seconds = monotonic() - started
    progress.say(f"{stack.name} matches its program; a preview takes {preview_seconds:.1f} s")
    deployed = _without_secrets(stack.name, stack.outputs(), up_seconds, preview_seconds)
    case.write_evidence(f"site-{environment}", deployed)
    return deployed


def _name(stack: Stack, agreed: str, otherwise: str) -> None:
    """Write the agreed name into the stack, unless it is what the stack would have anyway."""
    if stack.settings.get("bascule:siteName", otherwise) != agreed:
        stack.set_config("bascule:siteName", agreed)


def _without_secrets(
    stack: str, site: SiteOutputs, up_seconds: float, preview_seconds: float
) -> DeployedSite:
    database = site.database
    return DeployedSite(
        stack=stack,
        environment=site.environment,
        substrate=site.substrate,
        url=site.url,
        site_name=site.site_name,
        application_name=site.application_name,
        application_version=site.application_version,
        door=site.door.state,
        host_key=fingerprint(site.ssh.known_hosts),
        database=f"{database.host}:{database.port}/{database.dbname}",
        deployed_at=datetime.now(UTC),
        up_seconds=round(up_seconds, 1),
        preview_seconds=round(preview_seconds, 1),
    )


def fingerprint(known_hosts: str) -> str:
    """Return ``SHA256:…`` of the first key in a known_hosts text."""
    words = known_hosts.split()
    blob = next(word for word in words if word.startswith("AAAA"))
    digest = hashlib.sha256(base64.b64decode(blob)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
