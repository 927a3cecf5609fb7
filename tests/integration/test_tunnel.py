"""A legacy host behind a firewall: reached, moved live, rolled back, all through the tunnel that it opens."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate import files, legacy_tunnel
from migrate.assess import assess
from migrate.assess.path import is_reached_by_site
from migrate.connections import Hosts
from migrate.databases import legacy_database, site_database
from migrate.errors import ConnectionFailed
from migrate.reach import require_all_answer
from migrate.remote import run
from migrate.transfer.contract import Task
from provisioning import tunnel
from tests.support.behind import Behind, alone_with_its_ports, behind
from tests.support.live_copy import LIVE, Writer
from tests.support.moves import Told, a_move

SCHEMA = """
CREATE TABLE note (id bigserial PRIMARY KEY, v text);
INSERT INTO note (v) SELECT 'n' || n FROM generate_series(1, 500) n;
CREATE TABLE keyless (v text);
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    with alone_with_its_ports(), a_move(tmp_path_factory.mktemp("tunnel")) as move, behind(move) as made:
        move.legacy.psql(move.dbname, SCHEMA)
        (move.legacy.folder / "documents" / "letter").write_text("from legacy")
        with made.move.hosts() as hosts:
            legacy_tunnel.write(hosts, made.host, "prod", made.folder)
        yield made


@pytest.fixture
def hosts(site: Behind) -> Iterator[Hosts]:
    with site.move.hosts() as hosts:
        yield hosts


@pytest.fixture
def opened(site: Behind, hosts: Hosts) -> Iterator[Hosts]:
    """The tunnel is open; afterwards it is shut."""
    site.open(hosts)
    yield hosts
    site.end()


def test_a_shut_tunnel_is_told_with_what_opens_it(site: Behind, hosts: Hosts) -> None:
    """Nobody reaches legacy; the error names the host, and what to type there."""
    assert not legacy_tunnel.is_open(hosts, site.host, "prod")
    with pytest.raises(ConnectionFailed) as refused:
        hosts.legacy("server")
    assert refused.value.what == "the tunnel from server to alpenblick-prod is not open"
    assert "on server: systemctl start bascule-tunnel, or sh open-tunnel" in refused.value.next_step
    case = site.move.context(hosts).case
    for looking in (lambda: require_all_answer(hosts), lambda: assess(case, hosts, Told())):
        with pytest.raises(ConnectionFailed, match="the tunnel from server to alpenblick-prod is not open"):
            looking()


def test_host_and_database_are_reached_through_it(site: Behind, opened: Hosts) -> None:
    """From this machine through the site's host, and from the site's host to the database's port."""
    assert run(opened.legacy("server"), "pwd").text == str(site.move.legacy.folder)
    (database,) = site.move.manifest.legacy.databases
    with legacy_database(opened, database).opened() as session:
        assert session.execute("SELECT count(*) FROM public.note").fetchone() == (500,)
    require_all_answer(opened)
    assert is_reached_by_site(opened, database) is True


def test_the_key_can_do_nothing_else(site: Behind, opened: Hosts) -> None:
    """No command, no other port to listen on, no other place to go."""
    ssh = ["ssh", "-F", "ssh_config", "-o", "ClearAllForwardings=yes"]
    outputs = site.move.outputs

    def tried(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*ssh, *words], cwd=site.folder, capture_output=True, text=True, timeout=20, check=False
        )

    assert tried(outputs.ssh.alias, "id").stdout == ""
    assert "tunnel and nothing else" in tried(outputs.ssh.alias, "id").stderr
    away = tried("-W", f"{site.move.site.address}:{site.move.site.ssh_port}", outputs.ssh.alias)
    assert "administratively prohibited" in away.stderr
    listens = [
        "-o",
        "ClearAllForwardings=no",
        "-o",
        "ExitOnForwardFailure=yes",
        "-N",
        "-R",
        "48999:127.0.0.1:22",
    ]
    config = (site.folder / "ssh_config").read_text()
    bare = "".join(line for line in config.splitlines(keepends=True) if "Forward " not in line)
    (site.folder / "bare").write_text(bare)
    done = subprocess.run(
        ["ssh", "-F", "bare", *listens, outputs.ssh.alias],
        cwd=site.folder, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert "remote port forwarding failed" in done.stderr


def test_another_host_in_the_sites_place_is_refused(site: Behind) -> None:
    """The site's key is pinned on the legacy side: with another one, it ends and says so."""
    known = site.folder / "known_hosts"
    before = known.read_text()
    other = site.move.legacy.folder / "etc" / "host_key.pub"
    known.write_text(f"{before.split()[0]} {' '.join(other.read_text().split()[:2])}\n")
    try:
        done = subprocess.run(
            ["sh", site.folder / "open-tunnel"], capture_output=True, text=True, timeout=30, check=False
        )
    finally:
        known.write_text(before)
    assert done.returncode == 3
    assert "not the one that was pinned" in done.stderr


def test_it_opens_again_after_a_cut(site: Behind, opened: Hosts) -> None:
    """Ended from the site's side, it is back by itself, and what went through it goes on."""
    legacy_tunnel.end_sessions(opened, "prod")
    assert site.is_open(opened)
    assert run(opened.legacy("server"), "echo here").text == "here"


def task(hosts: Hosts) -> Task:
    (database,) = hosts.manifest.legacy.databases
    return Task(
        name=database.name,
        attempt="replication-1",
        source=legacy_database(hosts, database),
        target=site_database(hosts, role="mover"),
        owner="app_owner",
        application="app_user",
        tenant="alpenblick",
    )


def switch(work: Task) -> None:
    LIVE.make_ready(work)
    LIVE.drain(work, timeout_seconds=30)
    LIVE.settle(work)
    LIVE.turn(work, timeout_seconds=30)
    LIVE.let_go(work)


def test_a_live_move_there_and_back_goes_through_it(site: Behind, opened: Hosts) -> None:
    """Rows, changes and what was written on the site pass by the tunnel alone; a cut costs nothing."""
    work, move = task(opened), site.move
    assert work.source.from_afar.port == tunnel.databases(move.manifest, "server")["main-db"]
    with Writer(
        move.legacy, move.dbname, ["INSERT INTO note (v) VALUES ('w')", "INSERT INTO keyless VALUES ('k')"]
    ):
        LIVE.copy(work, Told())
        LIVE.catch_up(work, Told(), within_seconds=5, timeout_seconds=60)
        legacy_tunnel.end_sessions(opened, "prod")
        assert site.is_open(opened)
    LIVE.catch_up(work, Told(), within_seconds=5, timeout_seconds=60)
    switch(work)
    with move.site.connect(move.dbname) as session:
        session.execute("INSERT INTO note (v) VALUES ('from the site')")
        counted = session.execute("SELECT count(*), max(v) FROM note").fetchall()
    switch(work.turned())
    with move.legacy.connect(move.dbname) as session:
        assert session.execute("SELECT count(*), max(v) FROM note").fetchall() == counted
    assert LIVE.end(work) == ()


def test_files_pass_both_ways(site: Behind, opened: Hosts) -> None:
    """Base and last pass there, and what was written on the site back, by the tunnel's own ports."""
    (tree,) = files.trees(opened)
    assert tree.ports == (47001, 47501)
    files.base_pass(tree, "realisation-1", Told())
    files.prepare(tree, "realisation-1", Told())
    assert files.last_pass(tree, "realisation-1").comparison.agrees
    there = Path(site.move.outputs.files)
    assert (there / "letter").read_text() == "from legacy"
    (there / "answer").write_text("from the site")
    files.prepare(tree.turned(), "rollback-1", Told())
    assert files.last_pass(tree.turned(), "rollback-1").comparison.agrees
    assert (site.move.legacy.folder / "documents" / "answer").read_text() == "from the site"
    files.forget(tree)


def test_at_the_end_it_is_ended_and_stays_so(site: Behind, hosts: Hosts) -> None:
    """When the site admits its key no more, what runs on the legacy side ends by itself and says why."""
    site.open(hosts)
    site.refuse()
    legacy_tunnel.end_sessions(hosts, "prod")
    assert site.process is not None
    assert site.process.wait(timeout=30) == 3
    assert not legacy_tunnel.is_open(hosts, site.host, "prod")
    site.admit()
