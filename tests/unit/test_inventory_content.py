"""What a file is, by its content alone."""

import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

from migrate.inventory.content import HEAD_BYTES, kind_of
from migrate.inventory.listening import ports_in
from tests.support.file_databases import access, dbase


def _kind(content: bytes) -> str | None:
    return kind_of(content[:HEAD_BYTES], len(content))


def test_sqlite_is_known_whatever_its_name(tmp_path: Path) -> None:
    """A database that SQLite itself made, under the name of a picture."""
    path = tmp_path / "photo.jpg"
    with closing(sqlite3.connect(path)) as made, made:
        made.execute("CREATE TABLE t (a)")
    assert _kind(path.read_bytes()) == "sqlite"


def test_access_is_known_in_both_formats() -> None:
    """Jet, as up to Access 2003, and ACE since."""
    assert [_kind(access(engine)) for engine in ("Jet", "ACE")] == ["access", "access"]


def test_dbase_is_known_by_what_its_header_says() -> None:
    """A table with rows, one without, and one whose end of file mark is missing."""
    assert [_kind(dbase(rows)) for rows in (3, 0)] == ["dbase", "dbase"]
    assert _kind(dbase(3)[:-1]) == "dbase"


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("a text", b"SQLite format 3 is what this text is about, and nothing else; it goes on and on.\n"),
        ("a truncated table", dbase(300)[:2000]),
        ("a table of the thirteenth month", dbase(3, month=13)),
        ("zeros", bytes(4096)),
        ("a picture", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8),
        ("a letter that begins with the version of dBase", b"\x03" + b"abcdefghijklm" * 40),
    ],
)
def test_what_is_no_database_is_not_taken_for_one(what: str, content: bytes) -> None:
    """A file that only begins like one is none."""
    assert _kind(content) is None, what


def test_ports_are_those_of_the_hosts_own_address() -> None:
    """Of all that listens on a machine, what is bound to this address or to all."""

    def line(address: str, port: int, state: str = "0A") -> str:
        bound = f"{struct.unpack('<I', bytes(map(int, address.split('.'))))[0]:08X}"
        return f"  0: {bound}:{port:04X} 00000000:0000 {state} 0:0 0:0 0 1000 0 1"

    table = "\n".join(
        [
            "  sl  local_address rem_address   st",
            line("127.0.0.5", 5432),
            line("127.0.0.6", 5435),
            line("0.0.0.0", 3306),  # noqa: S104 - what is looked for, not bound
            line("127.0.0.5", 5434, state="01"),
            f"  0: {'0' * 32}:1539 {'0' * 32}:0000 0A 0:0",
        ]
    )
    assert ports_in(table, "127.0.0.5") == {5432, 3306, 0x1539}
