"""
The pytest plugin behind the go-live suite: which site is asked, and how its host is reached.

Promise: host keys are pinned and secrets stay inside `SecretStr`, so no assertion shows one; the suite
changes nothing on the site but for probes, which leave nothing behind. What differs by substrate stands
here, in one place.
"""

import inspect
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

import paramiko
import psycopg
import pytest
import testinfra
from testinfra.host import Host

from migrate.case import Case
from migrate.connections import Hosts
from migrate.connector import Connector
from migrate.databases import Session, site_database
from migrate.ssh_proxy import ProxiedSocket
from migrate.tunnels import Tunnel
from provisioning.errors import BasculeError
from provisioning.manifest import Engine, Environment, Interface, Manifest
from provisioning.manifest_access import Access, Role
from provisioning.site import DatabaseRole, SiteOutputs
from provisioning.workspace import Workspace

_CASE: pytest.StashKey[Case] = pytest.StashKey()
_HOSTS: pytest.StashKey[Hosts] = pytest.StashKey()


@dataclass(frozen=True)
class Substrate:
    """What a host of one substrate is made of, as far as the site contract leaves it open."""

    programs: tuple[str, ...]
    """Kept up by the host's supervisor."""
    servers: dict[Engine, str]
    """Likewise, the database's by its engine; none where the database is on no host of the site's."""
    status: str
    """Command that prints name and state of each program, a line each."""
    up: str
    """What state a program is in that runs."""
    starting: str
    """What state a program is in that has just begun."""
    superusers: tuple[str, ...]
    """Database roles that the substrate itself needs."""
    shares_the_machine: bool
    """Whether other hosts' sockets are visible: then only those on the host's own address are its own."""
    https_port: int | None = None
    """Where the host's web server listens; None where users come to it without a load balancer."""
    sftp: tuple[str, int] | None = None
    """Program and port of what serves interfaces by sftp, where it is not the host's own SSH server."""
    of_the_machine: frozenset[tuple[str, int]] = frozenset()
    """Sockets that the machine itself may hold, such as for its own address."""


_AWS_PROGRAMS = (
    *("sshd", "nginx", "application", "backup.timer"),
    *("amazon-ssm-agent", "amazon-cloudwatch-agent"),
)
SUBSTRATES = {
    "local": Substrate(
        programs=("sshd", "nginx", "application", "backups"),
        servers={"postgresql": "postgresql", "mariadb": "mariadb"},
        status="supervisorctl -c etc/supervisord.conf status",
        up="RUNNING",
        starting="STARTING",
        superusers=("postgres",),
        shares_the_machine=True,
    ),
    "aws": Substrate(
        programs=_AWS_PROGRAMS,
        servers={},
        status=f'for u in {" ".join(_AWS_PROGRAMS)} inbox; do echo "$u $(systemctl is-active $u)"; done',
        up="active",
        starting="activating",
        superusers=("rdsadmin",),
        shares_the_machine=False,
        https_port=8443,
        sftp=("inbox", 2222),
        of_the_machine=frozenset({("udp", 68), ("udp", 546)}),  # DHCP
    ),
}


@dataclass(frozen=True)
class Address:
    """A TCP address of the site, from its outputs."""

    host: str
    port: int
    proxy: str | None = None
    """Command that leads there, where no network does."""

    def connected(self) -> socket.socket:
        """Return a socket that leads there."""
        way = ProxiedSocket(self.proxy) if self.proxy else socket.create_connection((self.host, self.port))
        way.settimeout(10)
        return way


class Database:
    """Sessions on the site's database as one of its roles; ``with database.session("owner") as session``."""

    def __init__(self, hosts: Hosts, environment: Environment) -> None:
        self._hosts, self._environment = hosts, environment

    def session(self, role: str = "application") -> AbstractContextManager[Session]:
        return site_database(self._hosts, self._environment, role=role).opened()


class Tunnelled:
    """Plain connections to the site's database through its host, as weakly secured as the caller wants."""

    def __init__(self, site: SiteOutputs, port: int, ca_file: Path) -> None:
        self._site, self._port, self._ca_file = site, port, ca_file

    def connect(
        self, role: str, *, sslmode: str, require_auth: str | None = None, password: str | None = None
    ) -> psycopg.Connection:
        """
        Connect as one of the roles, by default with its password.

        Raises:
            psycopg.OperationalError: The server refuses, or would only do what `require_auth` forbids.
        """
        end = self._site.database
        login: DatabaseRole = getattr(end, role)
        return psycopg.connect(
            host=end.host,
            hostaddr="127.0.0.1",
            port=self._port,
            dbname=end.dbname,
            user=login.name,
            password=login.password.get_secret_value() if password is None else password,
            sslmode=sslmode,
            sslrootcert=str(self._ca_file),
            gssencmode="disable",
            connect_timeout=10,
            require_auth=require_auth,
        )


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bascule", "which site is verified")
    group.addoption("--tenant", help="Whose site.")
    group.addoption("--environment", choices=("test", "prod"), help="Which of its sites.")
    group.addoption("--attempt", default="", help="The move that this is part of, such as realisation-1.")
    group.addoption(
        "--checklist", type=Path, help="Where to write what will be checked, before any of it is."
    )
    group.addoption(
        "--part",
        choices=("all", "before", "final"),
        default="all",
        help="before: what can be proved while legacy is still at work. final: what only the move can show.",
    )
    group.addoption(
        "--told-by",
        type=int,
        help="Connect, then wait for a byte on this file descriptor; its end calls it off.",
    )
    group.addoption("--least-free-mb", type=int, default=1024, help="Head-room that every folder needs.")


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("--tenant") or not config.getoption("--environment"):
        raise pytest.UsageError("name the site: pytest tests/golive --tenant T --environment test|prod")
    try:
        config.stash[_CASE] = Case.of(Workspace.find(), config.getoption("--tenant"))
    except BasculeError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "interface" in metafunc.fixturenames:
        every = metafunc.config.stash[_CASE].manifest.interfaces
        metafunc.parametrize("interface", every, ids=[interface.name for interface in every])
    if "service" in metafunc.fixturenames:
        services = metafunc.config.stash[_CASE].manifest.services
        metafunc.parametrize("service", services, ids=[service.name for service in services])
    if "predefined_role" in metafunc.fixturenames:
        roles = _served_roles(metafunc.config.stash[_CASE].manifest)
        metafunc.parametrize("predefined_role", roles, ids=[role.name for role in roles])


def _served_roles(manifest: Manifest) -> tuple[Role, ...]:
    """The roles that the site's application has to honour."""
    return manifest.access.roles if manifest.access and manifest.access.served else ()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    attempt, manifest = config.getoption("--attempt"), config.stash[_CASE].manifest
    part = config.getoption("--part")
    chosen: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        function = getattr(item, "function", None)
        item.user_properties.append(("proves", (inspect.getdoc(function) or "").partition("\n\n")[0]))
        asks = getattr(item, "fixturenames", ())
        needless = "interface" in asks and not manifest.interfaces
        needless = needless or ("service" in asks and not manifest.services)
        needless = needless or ("predefined_role" in asks and not _served_roles(manifest))
        of_the_move = item.get_closest_marker("during_move") is not None
        needless = needless or (not attempt and of_the_move)
        of_engine = item.get_closest_marker("engine")
        needless = needless or (of_engine is not None and of_engine.args[0] != manifest.site_engine)
        afresh = manifest.begins_afresh
        needless = needless or item.get_closest_marker("legacy" if afresh else "deployment") is not None
        needless = needless or part == ("before" if of_the_move else "final")
        (left_out if needless else chosen).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = chosen


def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave the list by which a run that broke off is known to be one, whatever its exit status."""
    if path := session.config.getoption("--checklist"):
        path.write_text("".join(f"{Path(item.path).stem} {item.name}\n" for item in session.items))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Make connections ahead of the moment from which on every second counts, and wait for it."""
    config = session.config
    told_by = config.getoption("--told-by")
    if told_by is None:
        return
    case: Case = config.stash[_CASE]
    hosts = Hosts(case.workspace, case.manifest)
    config.stash[_HOSTS] = hosts
    config.add_cleanup(lambda: hosts.__exit__(None, None, None))
    with suppress(BasculeError):  # a check says it better
        hosts.target(config.getoption("--environment"))
        for interface in case.manifest.interfaces:
            hosts.legacy(interface.host)
    if os.read(told_by, 1) == b"":
        pytest.exit("nobody wants to know any more", returncode=2)


@pytest.fixture(scope="session")
def case(request: pytest.FixtureRequest) -> Case:
    return request.config.stash[_CASE]


@pytest.fixture(scope="session")
def manifest(case: Case) -> Manifest:
    return case.manifest


@pytest.fixture(scope="session")
def access(manifest: Manifest) -> Access:
    """Roles, and where the site serves files to those who have them."""
    if manifest.access is None:
        raise pytest.UsageError("a check of roles is left out where there are none")
    return manifest.access


@pytest.fixture(scope="session")
def environment(request: pytest.FixtureRequest) -> Environment:
    chosen: Environment = request.config.getoption("--environment")
    return chosen


@pytest.fixture(scope="session")
def attempt(request: pytest.FixtureRequest) -> str:
    return str(request.config.getoption("--attempt"))


@pytest.fixture(scope="session")
def least_free_kb(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--least-free-mb")) * 1024


@pytest.fixture(scope="session")
def hosts(request: pytest.FixtureRequest, case: Case) -> Iterator[Hosts]:
    with request.config.stash.get(_HOSTS, None) or Hosts(case.workspace, case.manifest) as every:
        yield every


@pytest.fixture(scope="session")
def site(hosts: Hosts, environment: Environment) -> SiteOutputs:
    """The site contract, read from the stack once."""
    return hosts.site(environment)


@pytest.fixture(scope="session")
def substrate(site: SiteOutputs) -> Substrate:
    return SUBSTRATES[site.substrate]


@pytest.fixture(scope="session")
def ssh_address(site: SiteOutputs) -> Address:
    host = paramiko.SSHConfig.from_text(site.ssh.config).lookup(site.ssh.alias)
    return Address(host["hostname"], int(host.get("port", 22)), host.get("proxycommand"))


@pytest.fixture(scope="session")
def site_host(hosts: Hosts, site: SiteOutputs, environment: Environment) -> Iterator[Host]:
    """
    The site's host over OpenSSH with its pinned key; one connection that all checks share.

    Not called `host`: testinfra has a fixture of that name, which would ask this machine instead.
    """
    config, alias = hosts.site_ssh_config(environment)
    # A Unix socket's path is short: not below a workspace, which may lie deep.
    with tempfile.TemporaryDirectory(prefix="bgl-") as folder:
        control = Path(folder) / "m"
        try:
            yield testinfra.get_host(f"ssh://{alias}?ssh_config={config}&controlpath={control}&timeout=10")
        finally:
            if control.exists():
                end = ["ssh", "-F", str(config), "-o", f"ControlPath={control}", "-O", "exit", alias]
                subprocess.run(end, capture_output=True, check=False)  # noqa: S603 - our own words


@pytest.fixture(scope="session")
def database(hosts: Hosts, environment: Environment) -> Database:
    return Database(hosts, environment)


@pytest.fixture(scope="session")
def reach(hosts: Hosts, site: SiteOutputs, environment: Environment) -> Iterator[Tunnelled]:
    """The way to the database's port."""
    # pytest's own temporary folders outlive the run, and the operator's machine is no test machine.
    with tempfile.TemporaryDirectory(prefix="bascule-golive-") as folder:
        ca_file = Path(folder) / "ca.pem"
        ca_file.write_text(site.database.ca)
        with Tunnel(hosts.target(environment), site.database.host, site.database.port) as tunnel:
            yield Tunnelled(site, tunnel.port, ca_file)


@pytest.fixture
def connector(hosts: Hosts, interface: Interface) -> Connector:
    """The connector of the interface that is checked."""
    return Connector(hosts.legacy(interface.host), interface)
