"""`fab check` on what ships: sound tenants have no fault, and what lies beside them is no tenant."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from migrate.manifest_check import check, check_all
from provisioning.manifest_file import tenants
from provisioning.workspace import Workspace

CHECKOUT = Path(__file__).resolve().parents[2]
DEMOS = sorted(path.parent for path in (CHECKOUT / "examples").glob("*/stacks"))


def workspace_of(demo: Path, folder: Path) -> Workspace:
    """What the demo is shown in, as far as `fab check` reads it."""
    shutil.copyfile(CHECKOUT / "Pulumi.yaml", folder / "Pulumi.yaml")
    shutil.copytree(demo / "stacks", folder / "stacks")
    for product in (demo / "product").glob("product.yaml"):
        name = yaml.safe_load(product.read_text())["name"]
        shutil.copytree(product.parent, folder / "products" / name)
    return Workspace(folder)


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.name)
def test_what_ships_is_sound(demo: Path, tmp_path: Path) -> None:
    """Each demo's folder has one tenant, and nothing in it to correct."""
    assert [len(faults) for faults in check_all(workspace_of(demo, tmp_path)).values()] == [0]


def test_a_missing_stack_file_is_told_where_the_playbook_stands_the_site_up(tmp_path: Path) -> None:
    """Also the test site's, unless the vendor's process has none."""
    workspace = workspace_of(CHECKOUT / "examples" / "alpenblick", tmp_path)
    for environment in ("test", "prod"):
        (workspace.stacks / f"Pulumi.alpenblick-{environment}.yaml").unlink()
    told = [str(fault) for fault in check(workspace, "alpenblick")]
    assert ["alpenblick-prod" in told[0], "alpenblick-test" in told[1], len(told)] == [True, True, 2]


def test_no_file_that_the_code_reads_is_taken_for_a_tenant(tmp_path: Path) -> None:
    """Whatever is read as ``stacks/<name>.yaml`` by its own name."""
    named = {
        name
        for room in ("migrate", "provisioning")
        for path in (CHECKOUT / room).rglob("*.py")
        for name in re.findall(r'stacks / "([a-z-]+)\.yaml"', path.read_text())
    }
    assert {"questions", "rates", "activities"} <= named
    (tmp_path / "stacks").mkdir()
    for name in named:
        (tmp_path / "stacks" / f"{name}.yaml").write_text("{}")
    assert tenants(Workspace(tmp_path)) == []
