"""What a stream of changes says is read exactly, and counted once."""

from struct import pack

import pytest

from migrate.compare.pgoutput import Change, Committed, changes
from migrate.compare.relations import Relation
from migrate.compare.tally import Seen, Tally
from migrate.errors import ComparisonError


def relation(*key: str) -> Relation:
    return Relation(
        schema="public",
        name="t",
        kind="table",
        is_readable=True,
        is_watchable=True,
        blocks=0,
        estimate=0,
        bytes=0,
        columns=("a", "b", "c"),
        types=("text", "text", "text"),
        key=key,
        key_types=("text",) * len(key),
        key_operators=("pg_catalog",) * len(key),
        key_collations=("",) * len(key),
    )


def text(value: str) -> bytes:
    return value.encode() + b"\0"


def begin(xid: int, at: int = 100) -> bytes:
    return b"B" + pack(">QQI", at, 0, xid)


def commit(ends_at: int = 120) -> bytes:
    return b"C" + pack(">BQQQ", 0, 100, ends_at, 0)


def table(number: int = 7, name: str = "t", *columns: str) -> bytes:
    names = columns or ("a", "b", "c")
    described = b"".join(b"\1" + text(column) + pack(">Ii", 25, -1) for column in names)
    return b"R" + pack(">I", number) + text("public") + text(name) + b"d" + pack(">h", len(names)) + described


def row(kind: str, *values: str | None) -> bytes:
    """A row; None is NULL, ``…`` a large value that was not told again."""
    told = b""
    for value in values:
        if value is None:
            told += b"n"
        elif value == "…":
            told += b"u"
        else:
            told += b"t" + pack(">I", len(value.encode())) + value.encode()
    return kind.encode() + pack(">h", len(values)) + told


def about(kind: str, *rows: bytes, number: int = 7) -> bytes:
    return kind.encode() + pack(">I", number) + b"".join(rows)


def read(*messages: bytes, key: tuple[str, ...] = ("a",)) -> list[Change]:
    told = changes([begin(5), table(), *messages, commit()], {("public", "t"): relation(*key)})
    return [change for change in told if isinstance(change, Change)]


@pytest.mark.parametrize(
    ("message", "keys", "rows"),
    [
        (about("I", row("N", "ä", "x", None)), (("ä",),), 1),
        (about("U", row("N", "1", "x", "…")), (("1",),), 0),
        (about("U", row("K", "1", None, None), row("N", "2", "x", "y")), (("1",), ("2",)), 0),
        (about("U", row("O", "1", "x", "y"), row("N", "1", "z", "y")), (("1",),), 0),
        (about("D", row("K", "1", None, None)), (("1",),), -1),
        (about("D", row("O", "1", "x", "y")), (("1",),), -1),
    ],
    ids=["insert", "update", "changed key", "whole old row", "delete by key", "delete by row"],
)
def test_keys_of_a_change(message: bytes, keys: tuple[tuple[str, ...], ...], rows: int) -> None:
    """Each kind of change names the key before and after it, and what it adds to the count."""
    (change,) = read(message)
    assert (change.keys, change.rows, change.xid, change.relation) == (keys, rows, 5, "public.t")


def test_a_part_of_a_key_that_is_not_told_again_is_the_old_one() -> None:
    """A key with a large part: what the new row leaves out, the old one has."""
    (change,) = read(about("U", row("O", "1", "groß", "x"), row("N", "2", "…", "x")), key=("a", "b"))
    assert change.keys == (("1", "groß"), ("2", "groß"))


def test_a_key_that_is_not_known_opens_the_whole_table() -> None:
    """Without the old row, a part that is left out is not known; nothing is guessed."""
    (change,) = read(about("U", row("N", "2", "…", "x")), key=("a", "b"))
    assert change.keys == ()


def test_a_table_without_a_key_and_a_truncated_one_name_no_row() -> None:
    """Both are open as a whole."""
    assert read(about("I", row("N", "1", "x", "y")), key=())[0].keys == ()
    truncate = b"T" + pack(">I", 1) + b"\0" + pack(">I", 7)
    (change,) = read(truncate)
    assert (change.is_truncate, change.keys) == (True, ())


def test_a_renamed_table_is_told_under_its_new_name() -> None:
    """It is none of those that are compared; the definitions tell."""
    told = list(changes([begin(5), table(7, "neu"), about("D", row("K", "1", "x", "y")), commit()], {}))
    assert isinstance(told[0], Change)
    assert (told[0].relation, told[0].keys) == ("public.neu", ())


def test_an_unknown_message_is_an_error() -> None:
    """What is not understood is never skipped."""
    with pytest.raises(ComparisonError, match="'Z'"):
        read(b"Z")


def test_what_came_from_elsewhere_is_told_apart() -> None:
    """A transaction of a replication names its origin; anybody else's does not."""
    known = {("public", "t"): relation("a")}
    insert = about("I", row("N", "1", "x", "y"))
    stream = [
        begin(5),
        b"O" + pack(">Q", 1) + text("pg_1"),
        table(),
        insert,
        commit(),
        begin(6),
        insert,
        commit(140),
    ]
    told = list(changes(stream, known))
    assert [change.is_applied for change in told if isinstance(change, Change)] == [True, False]
    assert [change.ends_at for change in told if isinstance(change, Committed)] == [120, 140]


def change(xid: int, rows: int = 1, at: int = 100, **more: bool) -> Change:
    return Change("public.t", (("1",),), 1 if rows > 0 else -1, xid, at, False, **more)


def test_a_count_takes_only_what_its_statement_did_not_see() -> None:
    """Committed before it, running during it, begun after it."""
    tally = Tally(begun=50, rows={"public.t": 10}, seen={"public.t": Seen.parsed("20:30:22,25")})
    for xid in (19, 21, 29):
        tally.add(change(xid))
    assert tally.rows == {"public.t": 10}
    for xid in (22, 25, 30, 99):
        tally.add(change(xid))
    assert tally.rows == {"public.t": 14}


def test_a_count_holds_across_the_end_of_32_bits() -> None:
    """The log has 32 bits of a number that a snapshot has in full."""
    seen = Seen.parsed(f"{2**32 - 5}:{2**32 + 5}:{2**32 - 5},{2**32 + 3}")
    assert seen.has(2**32 - 6)
    assert seen.has(2**32 - 4)
    assert seen.has(2)
    assert not seen.has(2**32 - 5)
    assert not seen.has(3)
    assert not seen.has(6)


def test_a_truncated_table_counts_from_nothing() -> None:
    """What was there no longer counts, what came after does."""
    tally = Tally(begun=50, rows={"public.t": 10}, seen={"public.t": Seen.parsed("20:20:")})
    tally.add(Change("public.t", (), 0, 21, 100, False, is_truncate=True))
    tally.add(change(22))
    assert tally.rows == {"public.t": 1}
    assert tally.whole == {"public.t": "was truncated"}


def test_a_change_counts_once() -> None:
    """A stream that is read again from before tells old changes again; they are passed over."""
    tally = Tally(begun=150, rows={"public.t": 10}, seen={"public.t": Seen.parsed("1:1:")})
    tally.add(change(7, at=149))
    assert (tally.rows["public.t"], tally.taken()) == (10, {})
    tally.add(change(7, at=150))
    assert (tally.rows["public.t"], tally.taken()) == (11, {"public.t": {("1",)}})
