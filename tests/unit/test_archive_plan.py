"""How trees are cut into chunks: everything once, nothing too large, nothing twice."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from migrate.archive.layout import Entry, Pack, Piece, Plain, Sealed, encoded, name_of
from migrate.archive.plan import HEADER_BYTES, Begun, Desk, Written, cut

LIMIT = 10_000
names = st.binary(min_size=1, max_size=12).filter(lambda name: b"\0" not in name)
entries = st.lists(
    st.builds(
        lambda name, kind, size: Entry(
            encoded(name),
            kind,
            "644",
            "0:0",
            size if kind == "f" else 0,
            "1.5",
            "",
            "d" if kind == "f" else "",
        ),
        names,
        st.sampled_from(["f", "f", "f", "d", "l"]),
        st.integers(0, 4 * LIMIT),
    ),
    unique_by=lambda entry: entry.path,
    max_size=60,
)


@given(entries)
def test_everything_is_in_the_plan_once(tree: list[Entry]) -> None:
    """Every byte of every file and every link is in one chunk, none of which is too large."""
    covered: dict[int, int] = {}
    for chunk in cut(tree, LIMIT):
        if isinstance(chunk, Pack):
            sizes = [tree[number].bytes for number in chunk.entries]
            assert sum(sizes) + HEADER_BYTES * len(sizes) <= LIMIT or len(sizes) == 1
            for number in chunk.entries:
                assert number not in covered
                covered[number] = tree[number].bytes
        else:
            assert 0 < chunk.bytes <= LIMIT
            assert chunk.offset == covered.get(chunk.entry, 0)
            covered[chunk.entry] = chunk.offset + chunk.bytes
    assert covered == {number: one.bytes for number, one in enumerate(tree) if one.kind != "d"}


@given(entries, st.data())
def test_what_the_base_brought_is_left_out(tree: list[Entry], data: st.DataObject) -> None:
    """Only what is wholly the same as in the base, mode and time too, is in no chunk."""
    base = [one._replace(mode="600") if data.draw(st.booleans()) else one for one in tree]
    brought = set()
    for chunk in cut(tree, LIMIT, base=base):
        brought |= set(chunk.entries) if isinstance(chunk, Pack) else {chunk.entry}
    assert brought == {number for number, one in enumerate(tree) if one.kind != "d" and base[number] != one}


@given(names)
def test_every_name_survives(name: bytes) -> None:
    """A name is bytes; as text it is plain ASCII, and comes back as it was."""
    assert encoded(name).isascii()
    assert name_of(encoded(name)) == name


def test_a_note_that_was_cut_off_costs_its_own_chunk_only(tmp_path: Path) -> None:
    """A writer that was killed while it noted a chunk writes that one again; other notes count."""
    desk = Desk(tmp_path / "archive")
    desk.begin(Begun(location="/media/disk"))

    def note(number: int) -> Written:
        sealed = Sealed(name=f"chunk-00000{number}.age", bytes=1, sha256="0" * 64)
        return Written(sealed=sealed, plain=Plain(bytes=1, sha256="1" * 64))

    desk.note(note(1))
    desk.note(note(2))
    path = desk.folder / "written.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    desk.note(note(3))

    assert sorted(desk.written()) == ["chunk-000001.age", "chunk-000003.age"]


def test_a_large_file_is_cut_at_the_limit() -> None:
    """A file of two and a half chunks is three ranges, of that length and no more."""
    large = Entry("a", "f", "644", "0:0", 2 * LIMIT + 5, "1", "", "d")

    assert cut([large], LIMIT) == tuple(
        Piece(entry=0, offset=offset, bytes=size)
        for offset, size in ((0, LIMIT), (LIMIT, LIMIT), (2 * LIMIT, 5))
    )
