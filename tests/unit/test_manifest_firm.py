"""What a manifest says of inventory, purge, access and services: what is refused, and in which words."""

from typing import Any

import pytest
from pydantic import ValidationError

from provisioning.manifest import Manifest
from tests.support.tenants import firm_manifest

DROP = {"name": "old", "table": ["compta", "dossier"], "by": "cloture_le", "years": 5}
SCIM = {"url": "https://id.example/scim/v2", "token_file": "token"}
SERVER = {
    "name": "paie",
    "engine": "mariadb",
    "host": "elsewhere",
    "dbname": "paie",
    "user": "u",
    "password_file": "p",
    "ca_file": "c",
}


def _access(*roles: dict[str, Any]) -> dict[str, Any]:
    return {"roles": list(roles), "sheet": "users.csv", "scim": SCIM}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (
            {"inventory": {"servers": [SERVER]}},
            "inventory.servers.0.host\n  Value error, paie is on host 'elsewhere', which is not under",
        ),
        (
            {"purge": {"database": "paie", "drop": [DROP], "archive": {"to": "/media/disque"}}},
            "purge.database\n  Value error, paie is none of legacy.databases",
        ),
        (
            {"purge": {"database": "compta", "drop": [DROP, DROP], "archive": {"to": "/media/disque"}}},
            "purge.drop.1.name\n  Value error, old stands twice",
        ),
        (
            {"purge": {"database": "compta", "drop": [DROP], "archive": {"to": "disque"}}},
            "must be an absolute folder",
        ),
        (
            {
                "access": _access(
                    {"name": "chef", "title": "Chef", "supervisor": True},
                    {"name": "gerant", "title": "Gérant", "supervisor": True},
                )
            },
            "access.roles: chef, gerant are supervisors; one role may be",
        ),
        (
            {"access": _access({"name": "chef", "title": "Chef", "files": {"dossiers": ["delete"]}})},
            "Input should be 'read', 'write' or 'other'",
        ),
        (
            {"services": [{"name": "box", "title": "Box", "path": "/box"}] * 2},
            "services.1.name\n  Value error, box stands twice",
        ),
        ({"services": [{"name": "box", "title": "Box", "path": "/../etc"}]}, "String should match pattern"),
    ],
)
def test_what_does_not_hold_is_refused(more: dict[str, Any], says: str) -> None:
    """Each in the words that tell what to change."""
    Manifest.model_validate(firm_manifest())
    with pytest.raises(ValidationError) as refused:
        Manifest.model_validate(firm_manifest(**more))
    assert says in str(refused.value)


def test_a_purge_is_of_a_database_that_is_left() -> None:
    """Either engine's may be; one that is none of legacy's is refused before anybody counts."""
    asked = firm_manifest(
        purge={"database": "compta", "drop": [DROP], "archive": {"to": "/media/disque"}},
        site_engine="mariadb",
    )
    asked["legacy"]["databases"][0]["engine"] = "mariadb"
    asked["application"]["settings"] = {"database": "compta"}
    Manifest.model_validate(asked)
    asked["purge"]["database"] = "paie"
    with pytest.raises(ValidationError, match=r"paie is none of legacy\.databases"):
        Manifest.model_validate(asked)
