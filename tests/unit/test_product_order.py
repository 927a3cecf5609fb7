"""What a tenant orders of a product: sound, or every fault told before anything is begun."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from migrate import manifest_check
from migrate.case import Case
from migrate.product.order import order_file, ordered
from provisioning.errors import ManifestError
from tests.support.local_sites import local_workspace
from tests.support.product import product_folder

DESK = {"name": "desk", "ssh_config": "ssh", "ssh_alias": "desk", "users": ["ADM"]}


@pytest.fixture
def case(tmp_path: Path) -> Case:
    product_folder(tmp_path / "products" / "atelier")
    return Case.of(local_workspace(tmp_path, "birke"), "birke")


def order(case: Case, **changes: Any) -> None:
    whole = {
        "product": "products/atelier",
        "to": "7",
        "ticket": {"kind": "file", "path": "ticket.json"},
        "workstations": [{"group": "office", "hosts": [DESK]}],
    }
    order_file(case).write_text(yaml.safe_dump({**whole, **changes}))


def told(case: Case) -> list[str]:
    faults = manifest_check.check(case.workspace, "birke")
    return [str(fault) for fault in faults if fault.path == "birke.upgrade.yaml"]


def test_a_sound_order_names_product_and_version(case: Case) -> None:
    """The product is loaded with it, and `fab check` finds nothing to say."""
    order(case)
    assert (ordered(case).product.name, ordered(case).order.to) == ("atelier", "7")
    assert told(case) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"to": "9"}, "atelier has no version '9'; known are 5, 6, 7"),
        ({"product": "products/none"}, "none/product.yaml does not exist"),
        ({"tikcet": 1}, "unknown key; did you mean ticket?"),
        ({"ticket": {"kind": "http", "url": "https://t.example", "issue": "12", "token_file": "t"}}, "issue"),
        (
            {"workstations": [{"group": name, "hosts": [DESK]} for name in ("office", "shop")]},
            "desk stands twice",
        ),
    ],
)
def test_a_faulty_order_is_told_by_check(case: Case, changes: dict[str, Any], said: str) -> None:
    """Before anything is begun with it."""
    order(case, **changes)
    (fault,) = told(case)
    assert said in fault


def test_a_missing_order_says_what_to_write(case: Case) -> None:
    """A step that needs it names the file."""
    with pytest.raises(ManifestError) as missing:
        ordered(case)
    assert "birke.upgrade.yaml does not exist" in str(missing.value)
