"""Packages on workstations, over SSH to real hosts."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from migrate.case import Case
from migrate.connections import Hosts
from migrate.product import packages
from provisioning.manifest import Manifest
from tests.support.moves import Move, a_move

TEST = '[ -f "$HOME/installed-{name}" ] && [ "$2" != "$(cat "$HOME/refused")" ] && echo "done for $2 at $1"\n'


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    """Both hosts of a move serve as workstations."""
    with a_move(tmp_path_factory.mktemp("packages")) as move:
        asked = move.manifest.model_dump(mode="json", exclude_defaults=True)
        asked["workplace"] = {
            "packages": [
                {
                    "name": name,
                    "kind": kind,
                    "version": "1.0",
                    "folder": f"packages/{name}",
                    "install": "installer",
                    "test": "essai",
                }
                for name, kind in (("session", "remote-access"), ("impression", "print"))
            ],
            "workstations": [
                {
                    "group": "bureau",
                    "hosts": [
                        {
                            "name": f"poste-{alias}",
                            "ssh_config": f"{alias}/etc/ssh_config",
                            "ssh_alias": alias,
                        }
                        | {"users": ["CHEF", "CLAIRE"]}
                        for alias in ("legacy", "site")
                    ],
                }
            ],
        }
        for name in ("session", "impression"):
            folder = move.base / "packages" / name
            folder.mkdir(parents=True)
            (folder / "installer").write_text(f'echo x >> "$HOME/installed-{name}"\n')
            (folder / "essai").write_text(TEST.format(name=name))
        for host in (move.legacy, move.site):
            (host.folder / "refused").write_text("nobody")
        yield replace(move, manifest=Manifest.model_validate(asked))


@pytest.fixture
def hosts(firm: Move) -> Iterator[Hosts]:
    with firm.hosts() as hosts:
        yield hosts


def test_each_user_tries_each_package_on_each_workstation(firm: Move, hosts: Hosts) -> None:
    """Installed before it is tried; who could not is named; a repeat tries those only."""
    case = Case(hosts.workspace, hosts.manifest)
    (firm.site.folder / "refused").write_text("CLAIRE")

    found = packages.install(case, hosts, lambda _: None)

    assert {name: matrix.counted for name, matrix in found.items()} == {
        name: {"met": 3, "failed": 1, "not tried": 0} for name in ("session", "impression")
    }
    (failed,) = [cell for cell in found["impression"].cells if cell.outcome == "failed"]
    assert (failed.workstation, failed.user) == ("poste-site", "CLAIRE")
    assert found["session"].cells[0].says.startswith("done for CHEF at https://")
    installed = _installed(firm.legacy.folder)

    (firm.site.folder / "refused").write_text("nobody")
    found = packages.install(case, hosts, lambda _: None)

    assert all(matrix.passed for matrix in found.values())
    assert _installed(firm.legacy.folder) == installed
    assert _installed(firm.site.folder) == {"session": 2, "impression": 2}


def _installed(folder: Path) -> dict[str, int]:
    return {
        name: os.stat(folder / f"installed-{name}").st_size // 2  # noqa: PTH116 - two bytes a time
        for name in ("session", "impression")
    }
