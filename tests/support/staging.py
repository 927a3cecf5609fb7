"""
A tenant to be carried: a move whose legacy host has rows and files with odd names.

Promise: everything is what `a_move` gives; `Staged` adds the workspace's keys and the folder of a disk.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from migrate.archive import keys, stage
from migrate.archive.layout import Manifest
from migrate.case import Case
from migrate.connections import Hosts
from migrate.databases import legacy_database, site_database
from migrate.transfer.contract import Task
from provisioning import manifest as manifests
from provisioning.workspace import Workspace
from tests.support.moves import Move, Told, a_move

HARD = (Path(__file__).parent / "hard_schema.sql").read_text()
SMALL = 'CREATE SCHEMA "Pflege"; CREATE TABLE "Pflege".leer (id int PRIMARY KEY);'
PICTURES = """
CREATE TABLE "Pflege".bild (id int PRIMARY KEY, bild bytea);
INSERT INTO "Pflege".bild SELECT n, (SELECT decode(string_agg(md5((n * 1000 + m)::text), ''), 'hex')
                                     FROM generate_series(1, 64) m) FROM generate_series(1, 120) n;
"""
"""Enough that no compression brings the database down to one chunk."""
CHUNK_BYTES = 64 * 1024
TENANT = "alpenblick"


@dataclass
class Staged:
    """A move by disk. `disk` is where archives go."""

    move: Move
    disk: Path

    @property
    def case(self) -> Case:
        return Case(Workspace(self.move.base), self.move.manifest)

    @property
    def documents(self) -> Path:
        """The tree on legacy."""
        return self.move.legacy.folder / "documents"

    def out(
        self,
        hosts: Hosts,
        location: str = "",
        *,
        told: Told | None = None,
        since: str = "",
        live: bool = False,
    ) -> Manifest:
        return stage.stage_out(
            self.case,
            hosts,
            location or str(self.disk),
            told or Told(),
            since=since,
            live=live,
            chunk_bytes=CHUNK_BYTES,
        )

    def load(
        self, hosts: Hosts, location: str = "", *, told: Told | None = None, archive: str = ""
    ) -> stage.Received:
        return stage.stage_in(self.case, hosts, location or str(self.disk), told or Told(), archive=archive)

    def task(self, hosts: Hosts, attempt: str = "realisation-1") -> Task:
        (database,) = self.move.manifest.legacy.databases
        return Task(
            name=database.name,
            attempt=attempt,
            source=legacy_database(hosts, database),
            target=site_database(hosts),
            owner="app_owner",
            application="app_user",
            tenant=TENANT,
        )


@contextmanager
def a_staged_move(base: Path, schema: str = SMALL) -> Iterator[Staged]:
    """Start both hosts with data on legacy, make keys and an empty disk."""
    with a_move(base) as move:
        move.legacy.psql("besa", schema + PICTURES)
        move.site.psql("besa", "CREATE EXTENSION citext")
        disk = base / "disk"
        disk.mkdir()
        keys.make(Workspace(base), TENANT)
        staged = Staged(move, disk)
        fill(staged.documents)
        yield staged


ODD_NAMES = (
    b"latin\xff\xe4.txt",
    "Zoë – Bericht.txt".encode(),
    b"new\nline",
    b"-dash",
    b" spaces ",
    b"q'u\"o`te",
    b"back\\slash",
    b"*star?",
    b"%41percent",
    b"x" * 200,
)


def fill(folder: Path) -> None:
    """Make files with odd names, modes, times, links; some larger than a chunk."""
    for number, name in enumerate(ODD_NAMES):
        write(folder / os.fsdecode(name), b"content of %d" % number, mode=(0o600, 0o640, 0o755)[number % 3])
    for number in range(60):
        write(folder / f"akten/{number % 7}/{number}.pdf", secrets.token_bytes(1500 + number))
    write(folder / os.fsdecode(b"gross/\xfcbersicht.bin"), secrets.token_bytes(150_001), mode=0o640)
    write(folder / "leer", b"")
    (folder / os.fsdecode(b"li\xffnk")).symlink_to(os.fsdecode(ODD_NAMES[0]))
    (folder / "broken").symlink_to("nowhere")
    (folder / "leerer ordner").mkdir()
    (folder / "leerer ordner").chmod(0o750)
    (folder / "akten" / "3").chmod(0o550)


def write(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a file with a time of its own, below the second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    os.utime(path, ns=(1_600_000_000_123_456_789, 1_600_000_000_123_456_789 + len(content)))


def asking_for(manifest: manifests.Manifest, disk: Path, *, delta: str = "live") -> manifests.Manifest:
    """Return the manifest with its database to be carried on a disk."""
    asked = manifest.model_dump(mode="json")
    asked["legacy"]["databases"][0]["transfer"] = {
        "mode": "staged",
        "delta": delta,
        "archive": {"to": str(disk)},
    }
    return manifests.Manifest.model_validate(asked)
