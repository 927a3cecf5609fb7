"""How a tree is shared out between rsyncs: all of it, once, in about equal weights."""

from hypothesis import given
from hypothesis import strategies as st

from migrate.files.shares import FILE_COST_BYTES, LARGE_BYTES, share_out

NAMES = st.lists(st.sampled_from([b"a", b"b", b"c", b"d e", b"\xff"]), min_size=1, max_size=4).map(b"/".join)


def files_of(entries: dict[bytes, int]) -> dict[bytes, int]:
    """No file has the name of another one's folder."""
    folders = {name.rpartition(b"/")[0] for name in entries}
    every = {b"/".join(folder.split(b"/")[:n]) for folder in folders for n in range(1, 5)}
    return {name: size for name, size in entries.items() if name not in every}


@given(st.dictionaries(NAMES, st.sampled_from([0, 1, 10_000_000, LARGE_BYTES]), min_size=1, max_size=40))
def test_every_file_is_in_exactly_one_share(entries: dict[bytes, int]) -> None:
    """A file is named itself or lies in a named folder, once; large files stand in lists of their own."""
    files = files_of(entries)
    parts, _ = share_out([(size, name) for name, size in files.items()], 2)
    for name, size in files.items():
        above = {b"/".join(name.split(b"/")[:n]) for n in range(1, name.count(b"/") + 2)}
        small = sum(one in above for part in parts for one in part.names)
        large = sum(one == name for part in parts for one in part.large)
        assert (small, large) == ((0, 1) if size >= LARGE_BYTES else (1, 0))
    assert all(part.names == sorted(part.names) for part in parts)


def test_folders_are_named_whole_where_they_are_light() -> None:
    """Twenty light folders are shared out as folders; a heavy one is divided, and told."""
    light = [(10_000, b"light-%d/%d" % (folder, n)) for folder in range(20) for n in range(50)]
    heavy = [(10_000, b"heavy/%d" % n) for n in range(1000)]

    parts, divided = share_out(light + heavy, 2)

    names = [name for part in parts for name in part.names]
    assert sum(name.startswith(b"light") for name in names) == 20
    assert sum(name.startswith(b"heavy/") for name in names) == 1000
    assert sorted(divided) == [b"", b"heavy"]
    weights = [
        sum(
            50 * (10_000 + FILE_COST_BYTES) if b"light" in name else 10_000 + FILE_COST_BYTES
            for name in part.names
        )
        for part in parts
    ]
    assert max(weights) < 1.1 * min(weights)
