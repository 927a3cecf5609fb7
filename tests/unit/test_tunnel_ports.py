"""Which ports a tunnel takes, and what its key may do."""

from typing import Any

import pytest
from pydantic import ValidationError

from provisioning import tunnel
from provisioning.local.kinds.host import HostInputs, HostKind
from provisioning.manifest import Manifest
from tests.support.local_sites import manifest

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDs47Z7IyETPTI+sT7Nmp1tgDJNrSK8llOaODLe3f0vn tunnel"


def behind(**database: Any) -> Manifest:
    """Two hosts behind a tunnel and one before it; two trees on the second."""
    given = manifest("alpha")
    host = given["legacy"]["hosts"][0]
    given["legacy"]["hosts"] = [
        host | {"tunnel": {"public_key": KEY}},
        host | {"name": "open"},
        host | {"name": "files", "tunnel": {"public_key": KEY}},
    ]
    given["legacy"]["databases"][0] |= database
    given["legacy"]["files"] = [
        {"name": name, "host": where, "path": name}
        for name, where in (("aa", "open"), ("bb", "files"), ("cc", "files"))
    ]
    return Manifest.model_validate(given)


def test_no_two_things_share_a_port() -> None:
    """Each host's SSH, sender and database has a port of its own, the same whoever computes it."""
    found = behind()
    assert [host.name for host in tunnel.tunnelled(found)] == ["old", "files"]
    assert tunnel.ssh_port(found, "old") == 47000
    assert tunnel.databases(found, "old") == {"main": 47010}
    assert tunnel.ssh_port(found, "files") == 47020
    assert tunnel.senders(found, "files") == {"bb": 47021, "cc": 47022}
    assert tunnel.databases(found, "files") == {}
    assert tunnel.site_senders(found, "prod") == {"aa": 47501, "bb": 47502, "cc": 47503}
    assert tunnel.site_database("prod") != tunnel.site_database("test")
    assert tunnel.site_database("prod") > tunnel.LAST_PORT


def test_a_key_may_open_its_tunnel_alone() -> None:
    """Its ports to listen on, its places to go, and a command that does nothing."""
    database, files = tunnel.authorized_keys(behind(), "prod", own="127.9.9.9", database="db.example:5432")
    assert database.startswith("restrict,port-forwarding,command=\"echo 'this key opens a tunnel")
    assert database.endswith(
        f' permitlisten="47000",permitlisten="47010",permitopen="db.example:5432" {KEY}'[1:]
    )
    assert 'permitopen="127.9.9.9:47502",permitopen="127.9.9.9:47503"' in files
    assert "db.example" not in files


def test_a_host_admits_it_only_where_one_is_asked_for() -> None:
    """Without a tunnel nothing listens for others; with one, it may say where."""
    inputs: dict[str, Any] = {
        "host": "/srv/hosts/alpha", "address": "127.9.9.9", "host_key": "none", "operator_key": KEY,
    }  # fmt: skip
    lines = tuple(tunnel.authorized_keys(behind(), "prod", own="127.9.9.9", database="127.9.9.9:5432"))
    for tunnels in ((), lines):
        files = HostKind().files(HostInputs.model_validate({**inputs, "tunnel_keys": tunnels}))
        sshd, keys = files["etc/ssh/sshd_config"].content, files["etc/ssh/authorized_keys"].content
        assert ("GatewayPorts clientspecified" in sshd) is bool(tunnels)
        assert ("AllowTcpForwarding local" in sshd) is not bool(tunnels)
        assert [line for line in keys.splitlines() if "permitlisten" in line] == list(tunnels)


def test_what_no_tunnel_carries_is_refused() -> None:
    """MariaDB behind one, and a key that is none."""
    given = behind().model_dump(mode="json")
    given["site_engine"] = given["legacy"]["databases"][0]["engine"] = "mariadb"
    given["application"]["settings"]["database"] = "care"
    with pytest.raises(
        ValidationError, match="main is on old, behind a tunnel, which carries PostgreSQL only"
    ):
        Manifest.model_validate(given)
    given = manifest("alpha")
    given["legacy"]["hosts"][0]["tunnel"] = {"public_key": "ssh-rsa AAAA\nssh-ed25519 AAAA"}
    with pytest.raises(ValidationError, match="public_key"):
        Manifest.model_validate(given)
