"""A local site with MariaDB: what stands up, who may do what, what is drift, and what a destroy leaves."""

import gzip
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
import pytest
import yaml
from pymysql.cursors import Cursor

from provisioning.engine import Stack
from provisioning.local import mariadb, ports
from provisioning.local.operator import operator
from provisioning.local.place import Place
from provisioning.site import DatabaseRole, SiteOutputs
from tests.support.local_sites import final_backups, local_workspace, manifest, place_of, temporary

pytestmark = pytest.mark.timeout(600)  # on a busy machine; each waits for an event, none for a time

TENANT, DBNAME = "linde", "care_1"


@dataclass
class Site:
    """A site that stands, and what a test asks it by."""

    stack: Stack
    outputs: SiteOutputs
    place: Place

    @contextmanager
    def client(self, role: DatabaseRole, **more: Any) -> Iterator[Cursor]:
        """A session of one of its roles, as the tenant's programs have one."""
        of = self.outputs.database
        given = {"ssl": ssl.create_default_context(cadata=of.ca), "database": of.dbname, **more}
        password = role.password.get_secret_value()
        with (
            pymysql.connect(
                host=of.host, port=of.port, user=role.name, password=password, autocommit=True, **given
            ) as connection,
            connection.cursor() as cursor,
        ):
            yield cursor

    def by_hand(self, statements: str) -> None:
        """Run statements as the server's administrator."""
        socket = f"--socket={self.place.path('run/mariadb.sock')}"
        words = ["mariadb", "--no-defaults", socket, f"--user={operator().name}"]
        self.place.run(*words, give=statements.encode())

    def requires(self, *expected: tuple[str, ...]) -> None:
        """Require that it differs from its program in these, and that an update puts all of it back."""
        same, told = self.stack.matches_its_program()
        assert not same
        blocks = told.split("bascule:local:")
        for words in expected:
            assert any(all(word in block for word in words) for block in blocks), (words, told)
        self.stack.up()
        same, told = self.stack.matches_its_program()
        assert same, told


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    workspace = local_workspace(tmp_path_factory.mktemp("workspace"), TENANT)
    asked = manifest(TENANT)
    asked["site_engine"] = "mariadb"
    del asked["application"]["settings"]
    asked["legacy"]["databases"][0].update(engine="mariadb", dbname=DBNAME)
    (workspace.stacks / f"{TENANT}.yaml").write_text(yaml.safe_dump(asked))
    with temporary(Stack(workspace, f"{TENANT}-prod")) as stack:
        stack.set_config("bascule:moving", "true")
        stack.up()
        yield Site(stack, stack.outputs(), place_of(workspace, stack.name))


def test_it_stands_and_says_what_it_is(site: Site) -> None:
    """The contract names the engine; an untouched site matches its program; only three ports listen."""
    of = site.outputs.database
    assert (of.engine, of.port, of.dbname) == ("mariadb", ports.MARIADB, DBNAME)
    same, told = site.stack.matches_its_program()
    assert same, told
    shown = subprocess.run(["ss", "-Hltn", f"src {of.host}"], capture_output=True, text=True, check=True)
    found = sorted(int(line.split()[3].rpartition(":")[2]) for line in shown.stdout.splitlines())
    assert found == sorted([ports.SSH, ports.MARIADB, ports.HTTPS])
    owner = site.place.folder.stat().st_uid
    assert {Path(f"/proc/{process}").stat().st_uid for process in site.place.strays()} == {owner}


def test_roles_may_do_what_they_are_for(site: Site) -> None:
    """The owner makes tables, the application works on rows, the mover may do everything; no more."""
    of = site.outputs.database
    assert of.mover is not None
    with site.client(of.owner) as owner:
        owner.execute("CREATE TABLE note (id int AUTO_INCREMENT PRIMARY KEY, t text)")
    with site.client(of.application) as application:
        application.execute("INSERT INTO note (t) VALUES ('a')")
    with site.client(of.mover) as mover:
        mover.execute("SET GLOBAL max_connect_errors = 100")
        mover.execute("SELECT COUNT(*) FROM mysql.global_priv WHERE User = 'root'")
        assert mover.fetchone() == (1,)
    for role, forbidden in (
        (of.application, "CREATE TABLE mine (i int)"),
        (of.application, "DROP TABLE note"),
        (of.application, "SET GLOBAL max_connect_errors = 100"),
        (of.owner, "CREATE DATABASE other"),
        (of.owner, "CREATE DATABASE care01"),
        (of.owner, "CREATE USER other"),
        (of.owner, "SELECT * FROM mysql.global_priv"),
        (of.migration, "CREATE USER other"),
    ):
        with site.client(role) as cursor, pytest.raises(pymysql.err.MySQLError, match="denied"):
            cursor.execute(forbidden)
    with site.client(of.owner) as owner:
        owner.execute("DROP TABLE note")


def test_neither_plain_text_nor_a_wrong_password(site: Site) -> None:
    """Without TLS, or with another password, there is no session."""
    application = site.outputs.database.application
    site.client(application).__enter__().close()  # so that the refusal below is about TLS
    with pytest.raises(pymysql.err.OperationalError, match=r"Access denied|insecure transport"):
        site.client(application, ssl=None, ssl_disabled=True).__enter__()
    wrong = application.model_copy(update={"password": site.outputs.interface_token})
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        site.client(wrong).__enter__()


def test_no_secret_is_in_clear(site: Site) -> None:
    """Passwords stand encrypted in the state, in no command line and in no log of the server."""
    of = site.outputs.database
    logins = (of.owner, of.application, of.migration, of.mover)
    secrets = [role.password.get_secret_value().encode() for role in logins if role]
    state = site.stack.workspace.state / "pulumi"
    kept = [file.read_bytes() for file in state.rglob("*") if file.is_file()]
    kept += [Path(f"/proc/{process}/cmdline").read_bytes() for process in site.place.strays()]
    kept += [log.read_bytes() for log in site.place.path("log").iterdir()]
    kept += [log.read_bytes() for log in site.place.path("mariadb").glob("binlog.*")]
    for secret in secrets:
        assert not any(secret in one for one in kept)


def test_changes_by_hand_are_named_and_put_back(site: Site) -> None:
    """Settings, dropped and stronger accounts, a dropped database, files, old backups: each is named."""
    with site.place.path("etc/mariadb/my.cnf").open("a") as file:
        file.write("# by hand\n")
    for backup in site.place.path("backups").glob("*.sql.gz"):
        backup.unlink()
    everything = mariadb.all_of(DBNAME)
    site.by_hand(
        f"""
        SET GLOBAL max_connections = 25; SET GLOBAL binlog_format = MIXED; SET GLOBAL local_infile = OFF;
        DROP USER {DBNAME}_migration@'%';
        GRANT SUPER ON *.* TO {DBNAME}_app@'%' IDENTIFIED BY 'guessed';
        REVOKE ALL PRIVILEGES ON {everything} FROM {DBNAME}_owner@'%';
        DROP DATABASE {DBNAME};
        """
    )
    site.requires(
        ("linde-db-server", "max_connections", "25"),
        ("linde-db-server", "binlog_format", "MIXED"),
        ("linde-db-server", "local_infile"),
        ("linde-db-server", "etc/mariadb/my.cnf"),
        (f"linde-db-{DBNAME}_migration",),
        (f"linde-db-{DBNAME}_app", "SUPER"),
        (f"linde-db-{DBNAME}_app", "password"),
        (f"linde-db-{DBNAME}_owner", "grants"),
        ("linde-database",),
        ("linde-backups", "overdue"),
    )
    for role in ("owner", "application", "migration"):
        with site.client(getattr(site.outputs.database, role)) as cursor:
            cursor.execute("SELECT 1")


def test_a_stopped_server_is_named_and_started_again(site: Site) -> None:
    """A server that somebody stopped is drift by its name."""
    program = Path(f"/proc/{site.place.path('run/supervisord.pid').read_text().strip()}/cmdline")
    control = Path(program.read_text().split("\0")[1]).with_name("supervisorctl")
    site.place.run(control, "-c", site.place.path("etc/supervisord.conf"), "stop", "mariadb")
    site.requires(("linde-db-server", "mariadb", "stopped"))


def test_the_end_of_a_move_restarts_nothing_and_takes_the_mover(site: Site) -> None:
    """Without `moving` the mover is gone and files are refused, by the same process as before."""
    before = site.place.path("run/mariadb.pid").read_text()
    mover = site.outputs.database.mover
    assert mover is not None
    site.stack.set_config("bascule:moving", "false")
    site.stack.up()
    assert site.stack.outputs().database.mover is None
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        site.client(mover).__enter__()
    with site.client(site.outputs.database.owner) as owner:
        owner.execute("SELECT @@GLOBAL.local_infile")
        assert owner.fetchone() == (0,)
    assert site.place.path("run/mariadb.pid").read_text() == before


def test_destroy_leaves_a_backup_and_nothing_else(site: Site) -> None:
    """Once prod may be destroyed, a dump that holds its rows stays; no file, process or port does."""
    with site.client(site.outputs.database.owner) as owner:
        owner.execute("CREATE TABLE letzte (t varchar(40))")
        owner.execute("INSERT INTO letzte VALUES ('was zuletzt geschrieben wurde')")
    site.stack.set_config("bascule:protect", "false")
    site.stack.up()
    told = site.stack.destroy()
    kept = final_backups(site.stack)[-1]
    assert str(kept) in told
    assert "was zuletzt geschrieben wurde" in gzip.decompress(kept.read_bytes()).decode()
    assert not site.place.exists
    assert list(site.place.strays()) == []
    host = site.outputs.database.host
    assert not any(ports.answers(host, port) for port in (ports.SSH, ports.MARIADB, ports.HTTPS))
