"""
The configuration of a tenant's stack on AWS, ``bascule:<key>``.

Promise: all that is wrong with it, and with what the manifest asks of AWS, is told at once, before anything
is declared.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pulumi import Config, get_stack

from provisioning.aws.component import Unsafe
from provisioning.aws.door import place_of
from provisioning.aws.reach import Reach, networks, reaches
from provisioning.errors import WorkspaceError
from provisioning.manifest import Manifest
from provisioning.workspace import Workspace

_BUNDLES = "https://truststore.pki.rds.amazonaws.com/{region}/{region}-bundle.pem"


@dataclass(frozen=True, kw_only=True)
class SiteConfig:
    """What a site takes from its stack's configuration."""

    budget_usd: int
    """Key ``budget``: a month."""
    certificate_issued: bool
    """Key ``certificateIssued``: of a name in the customer's own zone, that its proof was entered there."""
    previous_target: str | None
    """Key ``previousTarget``: IPv4 address that the site's name led to before the move."""
    name_leads_to: Literal["site", "previous"]
    """Key ``nameLeadsTo``."""
    door_place: int
    """Key ``doorPlace``: where two stacks' places on the load balancer meet."""
    runner: bool
    """Key ``runner``: that the work of a move has a machine of its own while the move lasts."""
    runner_disk_gb: int
    """Key ``runnerDisk``: 30 to 16 384; a bulk move keeps its dump there."""
    reaches: tuple[Reach, ...]
    """Key ``reaches``: what hosts may open connections to, such as the identity provider or legacy."""
    interface_addresses: tuple[str, ...]
    """Key ``interfacesFrom``: whence interfaces deliver by sftp, IPv4 networks with commas between."""
    deletable: Unsafe | None
    """Key ``deletable``: the reason why AWS is to allow deletion."""


def site_config(config: Config, manifest: Manifest) -> SiteConfig:
    """
    Read it.

    Raises:
        WorkspaceError: Something is missing or wrong, or AWS cannot give what the manifest asks for.
    """
    stack = get_stack()
    budget, place = config.get("budget") or "", config.get("doorPlace") or str(place_of(stack))
    disk = config.get("runnerDisk") or "100"
    leads_to, reason = config.get("nameLeadsTo") or "site", config.get("deletable")
    wrong = []
    if not budget.isdigit() or int(budget) == 0:
        wrong.append(f"bascule:budget is {budget!r}, no whole number of USD a month")
    if not disk.isdigit() or not 30 <= int(disk) <= 16_384:
        wrong.append(f"bascule:runnerDisk is {disk!r}, no number of GB from 30 to 16384")
    if not place.isdigit():
        wrong.append(f"bascule:doorPlace is {place!r}, no number")
    if leads_to not in ("site", "previous"):
        wrong.append(f"bascule:nameLeadsTo is {leads_to!r}; it must be site or previous")
    if manifest.site_engine != "postgresql":
        wrong.append(f"site_engine: {manifest.site_engine} stands on the local substrate only")
    by_sftp = [one.name for one in manifest.interfaces if one.kind == "sftp"]
    addresses = networks(config, "interfacesFrom", wrong)
    if by_sftp and not addresses:
        wrong.append(
            f"interfaces/{by_sftp[0]} delivers by sftp, and bascule:interfacesFrom does not say whence"
        )
    leads_out = reaches(config, "reaches", wrong)
    if manifest.access is not None and manifest.access.served is not None:
        provider = manifest.access.scim.url
        if provider.port not in {one.port for one in leads_out}:
            where = f"{provider.host}:{provider.port}"
            wrong.append(f"access.scim is {where}, and bascule:reaches leads hosts to no such port")
    if config.get_bool("runner") and config.get_bool("tunnels"):
        wrong.append("bascule:runner and bascule:tunnels: no runner reaches a tunnel, which ends at a host")
    if wrong:
        raise WorkspaceError(
            f"{stack} has {len(wrong)} to correct:\n  " + "\n  ".join(wrong),
            state="Nothing was touched.",
            next_step=f"pulumi config set bascule:KEY VALUE -s {stack} (see docs/aws.md)",
        )
    return SiteConfig(
        budget_usd=int(budget),
        certificate_issued=config.get_bool("certificateIssued") or False,
        previous_target=config.get("previousTarget"),
        name_leads_to="previous" if leads_to == "previous" else "site",
        door_place=int(place),
        runner=config.get_bool("runner") or False,
        runner_disk_gb=int(disk),
        reaches=leads_out,
        interface_addresses=addresses if by_sftp else (),
        deletable=Unsafe(reason) if reason else None,
    )


def database_authority(workspace: Workspace, region: str) -> str:
    """
    Return the authorities that sign for databases of a region, PEM, from ``stacks/rds-<region>.pem``.

    Kept in the workspace and not fetched: what is pinned does not change because somebody else's server says
    so.

    Raises:
        WorkspaceError: The file is not there, or holds no certificate.
    """
    path = workspace.stacks / f"rds-{region}.pem"
    text = path.read_text() if path.is_file() else ""
    if "BEGIN CERTIFICATE" not in text:
        raise WorkspaceError(
            f"stacks/{path.name} does not hold the authorities that sign for databases in {region}",
            state="Nothing was touched.",
            next_step=f"save {_BUNDLES.format(region=region)} there",
        )
    return text


def public_authorities() -> str:
    """Return Amazon's root certificates, PEM, which sign whatever ACM issues."""
    return (Path(__file__).resolve().parent / "amazon_roots.pem").read_text()
