"""
A tenant that leaves a MariaDB server, up to the agreed date, as whole migrations in tests begin.

Promise: who asks for other things in the manifest names them; both sites' hosts are gone at the end.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from provisioning.engine import Stack
from tests.support.crossing import described
from tests.support.e2e import WAITING, Operator, signing_keys
from tests.support.local_sites import CHECKOUT, local_workspace, manifest, temporary
from tests.support.mariadb_hosts import MariaServer


@contextmanager
def agreed(
    legacy: MariaServer,
    tenant: str,
    vendor: str,
    *,
    files: Sequence[Mapping[str, str]] = (),
    site_engine: str = "postgresql",
    settings: Mapping[str, str] | None = None,
) -> Iterator[Operator]:
    """Give an operator whose tenant has an offer that is signed and a date; words as of `asking`."""
    words: dict[str, Any] = {"files": files, "site_engine": site_engine, "settings": settings}
    with asking(legacy, tenant, vendor, **words) as operator:
        operator.do("record-request")
        said = operator.carry_on(until="confirm-offer")
        assert said.code == WAITING, said.text
        for about in ("confirm-offer", "agree-schedule"):
            operator.do(about)
        yield operator


@contextmanager
def asking(
    legacy: MariaServer,
    tenant: str,
    vendor: str,
    *,
    files: Sequence[Mapping[str, str]] = (),
    site_engine: str = "postgresql",
    settings: Mapping[str, str] | None = None,
    transfer: Mapping[str, Any] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Iterator[Operator]:
    """
    Give an operator whose tenant has a manifest, and nothing else yet.

    Args:
        files: As ``legacy.files`` of the manifest.
        settings: Of the application, in the place of the usual ones.
        transfer: Of the database.
        more: Of the manifest, in the place of the usual.
    """
    folder: Path = legacy.host.folder.parent
    workspace = local_workspace(folder, tenant)
    (folder / "fabfile.py").symlink_to(CHECKOUT / "fabfile.py")
    shutil.copy(CHECKOUT / "examples/alpenblick/stacks/rates.yaml", workspace.stacks)
    asked: dict[str, Any] = manifest(tenant)
    asked["site_engine"] = site_engine
    if settings is not None:
        asked["application"]["settings"] = dict(settings)
    asked["window"].update(opens_at="2027-07-01T17:00:00+02:00", closes_at="2027-07-02T12:00:00+02:00")
    asked["legacy"] = {
        "hosts": [{"name": "old", "ssh_config": "old/etc/ssh_config", "ssh_alias": "old"}],
        "databases": [described(legacy, name="kartei", host="old", folder="old")],
        "files": [dict(tree) for tree in files],
    }
    if transfer is not None:
        asked["legacy"]["databases"][0]["transfer"] = dict(transfer)
    asked.update(more or {})
    (workspace.stacks / f"{tenant}.yaml").write_text(yaml.safe_dump(asked, sort_keys=False))
    keys = signing_keys(workspace, asked["contacts"]["responsible"]["email"], vendor)
    with temporary(Stack(workspace, f"{tenant}-test")), temporary(Stack(workspace, f"{tenant}-prod")):
        yield Operator(workspace, tenant, keys, vendor)
