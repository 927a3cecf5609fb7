"""Archives that were damaged, swapped or forged: each fault is told by the name of its object."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.archive import keys
from migrate.archive.checking import checked
from migrate.archive.folder import FolderStore
from migrate.archive.layout import (
    CONTENTS,
    MANIFEST,
    OPENED,
    SIGNATURE,
    Entry,
    Opened,
    Pack,
    PlannedItem,
    chunk_name,
)
from migrate.archive.plan import Plan, Written
from migrate.archive.sealing import seal
from migrate.archive.sending import finish_archive
from migrate.archive.store import find, write_small
from migrate.errors import TransferError
from provisioning.workspace import Workspace
from tests.support.moves import Told

TENANT = "alpenblick"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "workspace")
    keys.make(workspace, TENANT)
    return workspace


@pytest.fixture
def disk(tmp_path: Path, workspace: Workspace) -> Path:
    """A disk with one archive of three chunks."""
    make(tmp_path / "disk", "one", workspace)
    return tmp_path / "disk"


def make(disk: Path, archive: str, workspace: Workspace, tenant: str = TENANT) -> FolderStore:
    """Write an archive as `sending` does, but for the hosts that it would be read from."""
    ticket = keys.read_ticket(keys.folder(workspace, tenant) / "ticket.json", tenant)
    disk.mkdir(exist_ok=True)
    store = FolderStore(disk / archive)
    written = []
    with store.held(tenant):
        write_small(store, OPENED, Opened(archive=archive, tenant=tenant).model_dump_json().encode())
        for number in (1, 2, 3):
            name = chunk_name(number)
            with store.writing(name) as sink:
                content = f"{archive} chunk {number} ".encode() * 100
                sealed, plain = seal(name, io.BytesIO(content), sink, ticket.recipient)
            written.append(Written(sealed=sealed, plain=plain))
        entries = tuple(Entry(f"vertraulich-{n}", "f", "600", "0:0", 9, "1", "", "0" * 64) for n in range(3))
        item = PlannedItem(
            kind="files",
            name="documents",
            entries=entries,
            chunks=tuple(Pack(entries=(n,)) for n in range(3)),
        )
        plan = Plan(
            archive=archive, tenant=tenant, location=str(disk), base="", source_fingerprint="", items=(item,)
        )
        finish_archive(plan, written, store, ticket)
    return store


def said(disk: Path, workspace: Workspace) -> str:
    """What a check of the only archive there says."""
    with pytest.raises(TransferError) as failure:
        checked(find(str(disk), TENANT), keys.read_keys(workspace, TENANT), TENANT, Told())
    assert failure.value.state == "Nothing was loaded; the site is as it was."
    assert failure.value.next_step
    return failure.value.what


def test_a_whole_archive_is_found_whole(disk: Path, workspace: Workspace) -> None:
    """An archive that nobody touched passes, and its contents name what lies in it."""
    found = checked(find(str(disk), TENANT), keys.read_keys(workspace, TENANT), TENANT, Told())

    (item,) = found.contents.items
    assert [sealed.name for sealed, _, _ in found.chunks_of(item)] == [chunk_name(n) for n in (1, 2, 3)]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"!")


@pytest.mark.parametrize(
    ("name", "harm", "why"),
    [
        ("chunk-000002.age", flip, "is not what was written: changed since, or another archive's"),
        ("chunk-000002.age", Path.unlink, "is missing"),
        ("chunk-000003.age", truncate, r"is truncated, or another archive's: \d+ bytes of \d+"),
        ("chunk-000001.age", lengthen, r"is another archive's, or changed since: \d+ bytes, not \d+"),
        (CONTENTS, flip, "is not what was written: changed since, or another archive's"),
    ],
)
def test_a_damaged_object_is_named(
    disk: Path, workspace: Workspace, name: str, harm: Callable[[Path], object], why: str
) -> None:
    """A flipped bit, a missing chunk, a truncated or a longer one is told by name."""
    harm(disk / "one" / name)

    told = re.escape(f"{disk}/one: 1 of 4 objects cannot be used\n  {name} ") + why
    assert re.fullmatch(told, said(disk, workspace))


def test_all_faults_are_told_at_once(disk: Path, workspace: Workspace) -> None:
    """Whoever has to go and fetch a disk again goes once."""
    flip(disk / "one" / "chunk-000001.age")
    (disk / "one" / "chunk-000002.age").unlink()
    (disk / "one" / "chunk-000009.age").write_bytes(b"stray")

    lines = said(disk, workspace).split("\n")

    assert lines[0].endswith("3 of 4 objects cannot be used")
    assert [line.split()[0] for line in lines[1:]] == [chunk_name(n) for n in (1, 2, 9)]


def test_a_chunk_of_another_archive_is_told(disk: Path, workspace: Workspace, tmp_path: Path) -> None:
    """A chunk that is sound, and ours, but of another archive, is not taken for this one's."""
    other = make(tmp_path / "other", "two", workspace)
    name = chunk_name(2)
    (disk / "one" / name).write_bytes((other.folder / name).read_bytes())

    assert re.search(rf"\n  {name} is .*another archive's", said(disk, workspace))


def test_a_manifest_that_was_changed_is_refused(disk: Path, workspace: Workspace) -> None:
    """Whoever changes the manifest along with a chunk lacks the ticket to sign it."""
    path = disk / "one" / MANIFEST
    path.write_text(path.read_text().replace('"base":""', '"base":"x"').replace('"base": ""', '"base": "x"'))

    assert said(disk, workspace) == (
        f"{disk}/one: {MANIFEST} was not signed with the ticket of alpenblick, or was changed since"
    )


def test_an_archive_made_with_another_ticket_is_refused(tmp_path: Path, workspace: Workspace) -> None:
    """An archive for our identity, made by somebody who only knows the public key, is not loaded."""
    stranger = Workspace(tmp_path / "stranger")
    keys.make(stranger, TENANT)
    forged = keys.folder(stranger, TENANT) / "ticket.json"
    ours = keys.read_keys(workspace, TENANT).recipient
    theirs = keys.read_keys(stranger, TENANT).recipient
    forged.write_text(forged.read_text().replace(theirs, ours))
    make(tmp_path / "forged", "one", stranger)

    assert "was not signed with the ticket of alpenblick" in said(tmp_path / "forged", workspace)


def test_a_wrong_identity_is_told(disk: Path, tmp_path: Path, workspace: Workspace) -> None:
    """Where another identity lies, the archive says whom it is for."""
    other = Workspace(tmp_path / "elsewhere")
    keys.make(other, TENANT)
    here = keys.folder(workspace, TENANT)
    ours = keys.read_keys(workspace, TENANT).recipient
    identity = keys.folder(other, TENANT) / "identity"
    (here / "identity").write_bytes(identity.read_bytes())

    theirs = keys.read_keys(other, TENANT).recipient
    assert said(disk, workspace) == f"{disk}/one was encrypted for {ours}; the identity here is {theirs}"


def test_another_tenants_archive_is_not_found(disk: Path, workspace: Workspace) -> None:
    """On a disk with another tenant's archive only, there is nothing to load."""
    with pytest.raises(TransferError, match=r"holds no archive of bergblick: none of it"):
        find(str(disk), "bergblick")


def test_an_archive_that_is_not_finished_is_no_archive(disk: Path) -> None:
    """Without its signature an archive is half, and the way to finish it is told."""
    (disk / "one" / SIGNATURE).unlink()

    with pytest.raises(
        TransferError, match=r"archive one is not finished: it has no manifest\.sig"
    ) as failure:
        find(str(disk), TENANT)
    assert "fab stage-out --tenant alpenblick again" in failure.value.next_step


def test_of_several_archives_one_must_be_chosen(disk: Path, workspace: Workspace) -> None:
    """Nobody's archive is chosen by chance."""
    make(disk, "two", workspace)

    with pytest.raises(TransferError, match="holds 2 archives of alpenblick: one, two"):
        find(str(disk), TENANT)
    assert find(str(disk), TENANT, "one").where == f"{disk}/one"
    with pytest.raises(TransferError, match="holds no archive three of alpenblick: one, two"):
        find(str(disk), TENANT, "three")


def test_a_manifest_names_no_file(disk: Path) -> None:
    """Names of files are personal data: nothing that is not encrypted holds one."""
    clear = b"".join((disk / "one" / name).read_bytes() for name in (OPENED, MANIFEST, SIGNATURE))

    assert b"documents" in clear
    assert b"vertraulich" not in clear
