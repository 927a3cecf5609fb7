"""A vendor's product: what its folder may say, and which way leads from one version to another."""

from pathlib import Path

import pytest

from migrate.product import chain
from migrate.product.description import ProductError, load_product
from provisioning.errors import ManifestError
from tests.support.product import PRODUCT, product_folder


def test_the_way_is_gated_by_versions(tmp_path: Path) -> None:
    """From each version the hops that lead to the wanted one, none where it is reached already."""
    product = load_product(product_folder(tmp_path))
    assert [hop.to for hop in chain.path(product, "5", "7")] == ["6", "7"]
    assert [hop.to for hop in chain.path(product, "6", "7")] == ["7"]
    assert chain.path(product, "7", "7") == ()


def test_extra_steps_are_for_tenants_that_began_there(tmp_path: Path) -> None:
    """Who began at 5 takes the extra step of a later hop; who began at 6 does not."""
    hop = load_product(product_folder(tmp_path)).upgrades[1]
    assert [step.name for step in chain.applying(hop, "5")] == ["old-data", "columns"]
    assert [step.name for step in chain.applying(hop, "6")] == ["columns"]


def test_an_unknown_version_is_refused(tmp_path: Path) -> None:
    """Neither a version that nobody knows nor a gap in the chain is passed over."""
    product = load_product(product_folder(tmp_path))
    with pytest.raises(ProductError, match="atelier has no version '4'; known are 5, 6, 7"):
        chain.path(product, "4", "7")
    with pytest.raises(ProductError, match="has no version '8'"):
        chain.path(product, "6", "8")
    gap = load_product(product_folder(tmp_path, upgrades=PRODUCT["upgrades"][:1]))
    with pytest.raises(ProductError, match="atelier has no way on from version 6 towards 7"):
        chain.path(gap, "5", "7")
    with pytest.raises(ProductError, match="7 is newer"):
        chain.path(product, "7", "6")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"upgrades": [{"from": "7", "to": "6", "steps": [{"name": "one", "sql": "up/5-6.sql"}]}]},
            "no newer",
        ),
        (
            {"upgrades": [{"from": "5", "to": "9", "steps": [{"name": "one", "sql": "up/5-6.sql"}]}]},
            "9 is none",
        ),
        ({"upgrades": [{"from": "5", "to": "6", "steps": [{"name": "one"}]}]}, "either sql or command"),
        ({"versions": ["5", "5"], "upgrades": []}, "stands twice"),
    ],
)
def test_a_faulty_product_is_told(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    """A hop that leads back, an unknown version and a step of nothing are faults of the file."""
    with pytest.raises(ManifestError, match=said):
        load_product(product_folder(tmp_path, **changes))


def test_a_folder_that_lacks_a_file_is_refused(tmp_path: Path) -> None:
    """What product.yaml names must lie there, before anything is begun with it."""
    folder = product_folder(tmp_path)
    (folder / "up/old.sql").unlink()
    with pytest.raises(ProductError, match=r"names what is not there: up/old\.sql"):
        load_product(folder)
