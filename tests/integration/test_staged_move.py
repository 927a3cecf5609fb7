"""A tenant carried on a disk: legacy's real servers, an archive in a folder, the site's real servers."""

import os
from collections.abc import Iterator

import pytest

from migrate.archive.place import place_tree
from migrate.compare.run import compare
from migrate.compare.trees import compare_tree
from migrate.connections import Hosts
from migrate.files import trees
from migrate.remote_jobs import FOLDER as JOBS
from migrate.transfer.contract import Copied, Task
from migrate.transfer.postgresql_staged import PostgresqlStaged
from tests.support.moves import Told
from tests.support.staging import CHUNK_BYTES, HARD, TENANT, Staged, a_staged_move, write

STAGED = PostgresqlStaged()


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staged]:
    with a_staged_move(tmp_path_factory.mktemp("staged"), HARD) as staged:
        yield staged


@pytest.fixture
def hosts(staged: Staged) -> Iterator[Hosts]:
    with staged.move.hosts() as hosts:
        yield hosts


def differences(work: Task) -> list[str]:
    found = compare(work.name, work.source, work.target, target_role=work.owner)
    assert found.tables
    return [table.name for table in found.differing_tables] + [
        f"{one.kind} {one.name}" for one in found.differences
    ]


def differing_files(staged: Staged, hosts: Hosts) -> list[tuple[str, str]]:
    (tree,) = trees(hosts)
    place_tree(TENANT, "documents", hosts.target(), tree.target, "realisation-1", Told())
    compared = compare_tree(tree)
    assert compared.files > 70
    return [(one.path, one.kind) for one in compared.shown]


def test_everything_arrives_by_disk_and_then_what_changed_since(staged: Staged, hosts: Hosts) -> None:
    """A hard schema and odd files arrive whole; a second archive carries what changed, and both agree."""
    first = staged.out(hosts)
    loaded = staged.load(hosts)

    assert loaded.archive == first.archive
    assert [(item.kind, item.name, item.unsettled) for item in loaded.items] == [
        ("database", "main-db", ()),
        ("files", "documents", ()),
    ]
    copied = STAGED.copy(staged.task(hosts), Told())
    assert differences(staged.task(hosts)) == []
    assert differing_files(staged, hosts) == []
    assert copied.mode == "staged"
    assert copied.tables >= 8
    assert copied.large_objects >= 2
    assert Copied.model_validate_json(copied.model_dump_json()) == copied
    assert len(first.chunks) >= 7
    for sealed in first.chunks:
        assert (staged.disk / first.archive / sealed.name).stat().st_size < CHUNK_BYTES * 1.3
    assert list((staged.move.legacy.folder / JOBS).iterdir()) == [], "a clear dump stayed on legacy"

    staged.move.legacy.psql("besa", """INSERT INTO "Pflege".leer VALUES (8); SELECT lo_unlink(70002)""")
    documents = staged.documents
    write(documents / os.fsdecode(b"latin\xff\xe4.txt"), b"changed")
    (documents / "-dash").unlink()
    (documents / "akten/5").rename(documents / "akten/neu")
    staged.move.legacy.psql("besa", "ALTER DATABASE besa SET default_transaction_read_only = on")
    try:
        second = staged.out(hosts, since=first.archive)
    finally:
        staged.move.legacy.psql("postgres", "ALTER DATABASE besa RESET default_transaction_read_only")

    assert second.base == first.archive
    assert 0 < sum(one.bytes for one in second.chunks) < sum(one.bytes for one in first.chunks) / 4
    assert [item.frozen for item in first.items] == [False, False]
    assert [item.frozen for item in second.items] == [True, False]
    staged.load(hosts, archive=second.archive)
    STAGED.copy(staged.task(hosts, "realisation-2"), Told())
    assert differences(staged.task(hosts)) == []
    assert differing_files(staged, hosts) == []
