"""
A workspace whose stacks stand on AWS, with a stand-in in the place of the provider.

Promise: what stands there is a JSON file that a test can change; nothing speaks to AWS.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from provisioning.engine import Stack
from provisioning.workspace import Workspace
from tests.support.local_sites import CHECKOUT, local_workspace, manifest

ACCOUNT = {"account": "111122223333", "region": "eu-central-2"}
PLATFORM = {
    **ACCOUNT,
    "domain": "care.example",
    "alarmEmail": "night@vendor.example",
    "repository": "vendor/sites",
    "image": "ami-0123456789abcdef0",
    "runbooks": "https://runbooks.vendor.example",
    "budget": "900",
}
TENANT = {**ACCOUNT, "budget": "300"}
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDs47Z7IyETPTI+sT7Nmp1tgDJNrSK8llOaODLe3f0vn"


class StandIn:
    """The workspace, and the cloud that its provider keeps."""

    def __init__(self, root: Path, *tenants: str) -> None:
        self.workspace = local_workspace(root, *tenants)
        for tenant in tenants:
            self.manifest(tenant)
        self.cloud = root / "cloud.json"
        self.change({"account": ACCOUNT["account"], "host_key": HOST_KEY, "resources": {}})
        with (root / "Pulumi.yaml").open("a") as project:
            project.write(f"    - name: aws\n      path: {CHECKOUT / 'tests/doubles/aws'}\n")
        authority = "-----BEGIN CERTIFICATE-----\nof databases\n-----END CERTIFICATE-----\n"
        (self.workspace.stacks / "rds-eu-central-2.pem").write_text(authority)

    def manifest(self, tenant: str, **changed: Any) -> None:
        """Write a tenant's manifest, anew."""
        described = {**manifest(tenant), "substrate": "aws", **changed}
        path = self.workspace.stacks / f"{tenant}.yaml"
        path.write_text(yaml.safe_dump(described, sort_keys=False))

    def stack(self, name: str, configuration: dict[str, str]) -> Stack:
        """Return a stack, configured and not stood up yet."""
        lines = [f'  bascule:{key}: "{value}"' for key, value in configuration.items()]
        path = self.workspace.stacks / f"Pulumi.{name}.yaml"
        path.write_text("config:\n" + "\n".join(lines) + "\n")
        made = Stack(Workspace(self.workspace.root), name)
        made.ensure()
        return made

    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.cloud.read_text())
        return content

    def one(self, name: str) -> tuple[str, dict[str, Any]]:
        """Id and record of the one resource of a name."""
        found = [(key, one) for key, one in self.content()["resources"].items() if one["name"] == name]
        assert len(found) == 1, name
        return found[0]

    def change(self, content: dict[str, Any]) -> None:
        self.cloud.write_text(json.dumps(content))


@contextmanager
def stand_in(root: Path, *tenants: str) -> Iterator[StandIn]:
    """Make it, with manifests of these tenants."""
    with pytest.MonkeyPatch.context() as patch:
        made = StandIn(root, *tenants)
        patch.setenv("BASCULE_TEST_CLOUD", str(made.cloud))
        patch.setenv("VIRTUAL_ENV", os.environ.get("VIRTUAL_ENV", str(CHECKOUT / ".venv")))
        yield made
