"""Is everything up that the site consists of, and nothing else within reach?"""

import socket
import ssl
from urllib.parse import urlsplit

import pytest
from testinfra.host import Host

from migrate.databases import value
from migrate.suite import Address, Database, Substrate
from migrate.waiting import wait_until
from provisioning.site import SiteOutputs


def test_programs_run(site_host: Host, site: SiteOutputs, substrate: Substrate) -> None:
    """The host's supervisor keeps every program of the site running."""

    # Not testinfra's supervisor module: it gives up when a single program is down, and cannot say which.
    def seen() -> dict[str, str]:
        shown = site_host.run(substrate.status).stdout
        return {words[0]: words[1] for line in shown.splitlines() if len(words := line.split()) > 1}

    # One that has just begun is told as running only once it has stayed up for some seconds.
    wait_until(lambda: substrate.starting not in seen().values(), deadline_seconds=10)
    server = substrate.servers.get(site.database.engine)
    further = [server] if server else []
    if substrate.sftp and site.sftp:
        further.append(substrate.sftp[0])
    status, programs = seen(), (*substrate.programs, *further)
    assert {name: status.get(name, "ABSENT") for name in programs} == dict.fromkeys(programs, substrate.up)


def test_ssh_answers(ssh_address: Address) -> None:
    """An SSH server answers on the site's address."""
    with ssh_address.connected() as connection:
        assert connection.recv(8).startswith(b"SSH-2.0-")


@pytest.mark.engine("postgresql")
def test_database_answers(database: Database) -> None:
    """The database answers a query of the application's role."""
    with database.session() as session:
        assert value(session, "SELECT 1") == 1


def test_https_answers(site: SiteOutputs) -> None:
    """A TLS server answers on the site's address."""
    url = urlsplit(site.url)
    context = ssl.create_default_context(cadata=site.ca)
    address = (url.hostname or "", url.port or 443)
    with (
        socket.create_connection(address, timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=url.hostname) as connection,
    ):
        assert connection.version()


def test_only_expected_sockets_listen(
    site_host: Host, site: SiteOutputs, ssh_address: Address, substrate: Substrate
) -> None:
    """The host listens for SSH, HTTPS and the database, where it has one, and for nothing else in reach."""
    expected = {ssh_address.port, substrate.https_port or urlsplit(site.url).port or 443}
    if site.database.engine in substrate.servers:
        expected.add(site.database.port)
    if substrate.sftp and site.sftp:
        expected.add(substrate.sftp[1])
    listening = set()
    for entry in site_host.socket.get_listening_sockets():
        kind, address = entry.split("://", 1)
        if kind == "unix":
            continue
        bound, _, port = address.rpartition(":")
        own = bound == ssh_address.host
        anywhere = bound in ("", "*", "0.0.0.0", "[::]", "::")  # noqa: S104 - what is looked for, not bound
        within = bound.startswith("127.") or bound in ("[::1]", "::1")
        if own or (not substrate.shares_the_machine and (anywhere or not within)):
            listening.add((kind.rstrip("6"), int(port)))
    assert listening - substrate.of_the_machine == {("tcp", port) for port in expected}


def test_clock_is_right(site_host: Host) -> None:
    """The host's clock is within 2 seconds of this machine's."""
    from time import time

    before = time()
    theirs = float(site_host.check_output("date +%s.%N"))
    after = time()
    assert before - 2 <= theirs <= after + 2


def test_host_key_is_pinned(site_host: Host, site: SiteOutputs) -> None:
    """The host shows the key that the stack's outputs pin, and OpenSSH refuses any other."""
    assert "StrictHostKeyChecking yes" in site.ssh.config
    assert site_host.run("true").succeeded


@pytest.mark.parametrize("folder", ["files", "backups"])
def test_disk_has_room(site_host: Host, site: SiteOutputs, folder: str, least_free_kb: int) -> None:
    """There is room for as much again as the folder holds, and the least head-room besides."""
    path = str(getattr(site, folder))
    free_kb = int(site_host.check_output("df -Pk %s", path).splitlines()[-1].split()[3])
    used_kb = int(site_host.check_output("du -sk %s", path).split()[0])
    assert free_kb >= used_kb + least_free_kb
