"""
Manifests of made-up tenants, for tests that need one and no hosts.

Promise: each is sound as it stands; `more` is put beside what it says.
"""

from typing import Any


def firm_manifest(**more: Any) -> dict[str, Any]:
    """An accounting firm's, in French."""
    person = {"name": "Élodie Chef", "email": "chef@cabinet.example"}
    return {
        "tenant": "cabinet",
        "display_name": "Cabinet",
        "language": "fr",
        "currency": "EUR",
        "playbook": "quadra",
        "substrate": "local",
        "site_name": "cabinet.compta.example",
        "application": {"name": "compta", "version": "1.0.0", "artifact": "app"},
        "contacts": {"responsible": person, "technical": person},
        "legacy": {
            "hosts": [{"name": "serveur", "ssh_config": "c", "ssh_alias": "serveur"}],
            "databases": [
                {
                    "name": "compta",
                    "host": "serveur",
                    "dbname": "compta",
                    "user": "u",
                    "password_file": "p",
                    "ca_file": "c",
                }
            ],
        },
        "window": {
            "opens_at": "2027-07-01T18:00:00+02:00",
            "closes_at": "2027-07-02T12:00:00+02:00",
            "time_zone": "Europe/Paris",
        },
        "support": {"email": "support@vendor.example"},
        **more,
    }
