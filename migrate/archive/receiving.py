"""
Loading an archive onto a site's host: chunk by chunk into its area, then everything verified by digest.

Promise: a chunk is used only when all of it is what the signed manifest says; one that was loaded is not
loaded again; nothing touches the site's database or its files, which whoever moves them does from here.
What changed on legacy while it was read is told by name.
"""

import io
import tarfile
from shlex import quote

from fabric import Connection

from migrate import remote
from migrate.archive import listing, streams
from migrate.archive.area import Area, State
from migrate.archive.checking import Archive
from migrate.archive.layout import Entry, Pack, Piece, Plain, PlannedItem, Sealed, encoded, name_of
from migrate.archive.sealing import Tally, unseal
from migrate.errors import TransferError
from migrate.step import Progress

HEADROOM_BYTES = 64 * 1024 * 1024

_UNPACK = """
cd {tree} && LC_ALL=C tar --extract --file=- --preserve-permissions --numeric-owner {owners}
"""
_PIECE = """
cd {tree} && head -c {named} > ../piece && xargs -0 -a ../piece sh -c 'exec dd of="$1" bs=1M \\
    iflag=fullblock oflag=seek_bytes seek={offset} conv=notrunc status=none' sh
"""
# What a folder forbids its owner would hinder the rest; at the end it gets its own mode.
_OPEN = "mkdir -p tree && find tree -type d ! -perm -u+rwx -exec chmod u+rwx {} \\;"
_FINISH = """
cd tree && xargs -0 -r sh -c 'while [ $# -gt 0 ]; do
    {chown} && chmod "$1" "$4" && touch -d "@$3" "$4" || exit 1; shift 4; done' sh
"""


def load(archive: Archive, connection: Connection, progress: Progress) -> dict[str, State]:
    """
    Load what is missing of an archive onto a host; whoever calls it holds the host's area.

    Returns:
        How each item arrived, by `PlannedItem.folder`.

    Raises:
        TransferError: The base archive is not there, too little room, or a tree came out otherwise.
    """
    manifest = archive.manifest
    areas = {
        item.folder: Area(connection, manifest.tenant, item.kind, item.name)
        for item in archive.contents.items
    }
    loaded = {item.folder: _loaded(archive, item, areas[item.folder]) for item in archive.contents.items}
    total = sum(plain.bytes for plain in archive.contents.plain)
    done = sum(
        plain.bytes
        for item in archive.contents.items
        for sealed, plain, _ in archive.chunks_of(item)
        if sealed.name in loaded[item.folder]
    )
    _require_room(archive, connection, total - done)
    is_root = remote.run(connection, "id -u", doing="id").text == "0"
    progress.start(f"archive {manifest.archive}: loading", total, "bytes")
    for item in archive.contents.items:
        area = areas[item.folder]
        state = area.state()
        if _is(state, archive, "arrived"):
            continue
        if not _is(state, archive, "filling"):
            _clear_for(archive, item, area)
        for sealed, plain, chunk in archive.chunks_of(item):
            if sealed.name not in loaded[item.folder]:
                _apply(archive, item, area, sealed, plain, chunk, is_root=is_root)
                done += plain.bytes
            progress.advance_to(done)
        _finish(archive, item, area, is_root=is_root)
    return {folder: area.arrived() for folder, area in areas.items()}


def _is(state: State | None, archive: Archive, stage: str) -> bool:
    return state is not None and (state.archive, state.stage) == (archive.manifest.archive, stage)


def _loaded(archive: Archive, item: PlannedItem, area: Area) -> set[str]:
    """Return the names of the chunks of an item that need not be loaded any more."""
    state = area.state()
    _require_base(archive, area, state)
    if _is(state, archive, "arrived"):
        return {sealed.name for sealed, _, _ in archive.chunks_of(item)}
    if _is(state, archive, "filling"):
        return set(area.run("cat applied", doing="reading what was loaded").split("\n"))
    return set()


def _require_base(archive: Archive, area: Area, state: State | None) -> None:
    manifest = archive.manifest
    if not manifest.base or (state and state.archive == manifest.archive):
        return
    if state is None or (state.archive, state.stage) != (manifest.base, "arrived"):
        there = f"archive {state.archive}, {state.stage}" if state else "nothing"
        again = f"fab stage-in --tenant {manifest.tenant} --from FOLDER --archive {manifest.base}"
        raise TransferError(
            f"archive {manifest.archive} holds only what changed since {manifest.base}; "
            f"of {area.kind} {area.name} {area.connection.host} has {there}",
            state="Nothing was loaded.",
            next_step=f"{again}, first",
        )


def _require_room(archive: Archive, connection: Connection, missing_bytes: int) -> None:
    script = "df -PB1 . | awk 'NR == 2 {print $4}'"
    free = int(remote.run(connection, script, raising=TransferError, doing="df").text)
    needed = missing_bytes + HEADROOM_BYTES
    if free < needed:
        raise TransferError(
            f"{connection.host} has {free // 1024**2} MiB free, archive {archive.manifest.archive} needs "
            f"{needed // 1024**2} MiB",
            state="Nothing was loaded.",
            next_step=f"free {(needed - free) // 1024**2 + 1} MiB there, then the same command again",
        )


def _clear_for(archive: Archive, item: PlannedItem, area: Area) -> None:
    """Make the area ready for this archive's chunks: nothing in it but what the base brought and stays."""
    manifest = archive.manifest
    area.run(_OPEN, doing="opening its folders")
    area.set_state(State(archive=manifest.archive, stage="clearing", base=manifest.base))
    kept = _kept(item) if manifest.base else {}
    raw = remote.run(
        area.connection,
        f"cd {quote(area.tree)} && find . -mindepth 1 -printf '%y%P\\0'",
        timeout_seconds=3600,
        raising=TransferError,
        doing="looking at what is there",
    ).stdout.split(b"\0")[:-1]
    gone = [one[1:] for one in raw if kept.get(encoded(one[1:])) != one[:1].decode()]
    names = b"".join(b"./" + name + b"\0" for name in gone)
    area.run("cd tree && xargs -0 -r rm -rf --", stdin=names, doing="removing what is no part of it")
    area.run(
        "tar --extract --file=- --directory=tree --no-same-owner && : > applied",
        stdin=_folders(item, as_they_are=False),
        doing="making its folders",
    )
    area.set_state(State(archive=manifest.archive, stage="filling", base=manifest.base))


def _kept(item: PlannedItem) -> dict[str, str]:
    """Return path and kind of what no chunk brings."""
    brought = {
        number
        for chunk in item.chunks
        for number in (chunk.entries if isinstance(chunk, Pack) else (chunk.entry,))
    }
    return {entry.path: entry.kind for number, entry in enumerate(item.entries) if number not in brought}


def _folders(item: PlannedItem, *, as_they_are: bool) -> bytes:
    """Return a tar of all folders, with their own modes and owners or open to the one who loads."""
    packed = io.BytesIO()
    with tarfile.open(
        fileobj=packed, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as tar:
        for entry in item.entries:
            if entry.kind == "d":
                name = name_of(entry.path).decode(errors="surrogateescape")
                one = tarfile.TarInfo(f"./{name}")
                one.type, one.mode = tarfile.DIRTYPE, 0o700
                if as_they_are and entry.mode:
                    one.mode = int(entry.mode, 8)
                    one.uid, one.gid = map(int, entry.owner.split(":"))
                tar.addfile(one)
    return packed.getvalue()


def _apply(
    archive: Archive,
    item: PlannedItem,
    area: Area,
    sealed: Sealed,
    plain: Plain,
    chunk: Pack | Piece,
    *,
    is_root: bool,
) -> None:
    """Fetch, verify, decrypt and unpack one chunk."""
    tree = quote(area.tree)
    if isinstance(chunk, Piece):
        header = b"./" + name_of(item.entries[chunk.entry].path) + b"\0"
        script = _PIECE.format(tree=tree, named=len(header), offset=chunk.offset)
    else:
        header, owners = b"", "--same-owner" if is_root else "--no-same-owner"
        script = _UNPACK.format(tree=tree, owners=owners)
    content = _fetched(archive, sealed)
    doing = f"unpacking {sealed.name}"
    with streams.writing(area.connection, script, len(header) + plain.bytes, doing=doing) as sink:
        if header:
            sink.write(header)
        found = unseal(sealed.name, content, sink, archive.keys.identity)
        if found != plain:
            raise TransferError(
                f"{archive.store.where}: {sealed.name} does not hold what its contents say",
                state="It is not counted as loaded.",
                next_step="make the archive anew",
            )
    # Only now: a stream that broke off may look complete to whoever read it.
    area.run(f"echo {sealed.name} >> applied", doing="noting what was loaded")


def _fetched(archive: Archive, sealed: Sealed) -> io.BytesIO:
    """Return a chunk, held in memory, once all of it is what the manifest says."""
    content = io.BytesIO()
    with archive.store.reading(sealed.name) as source:
        tally = Tally(source)
        while piece := tally.read(1 << 20):
            content.write(piece)
    if tally.sha256 != sealed.sha256:
        raise TransferError(
            f"{archive.store.where}: {sealed.name} reads otherwise now than when it was checked",
            state="It was not used; chunks loaded before stay.",
            next_step="look after the medium, then the same command again",
        )
    content.seek(0)
    return content


def _finish(archive: Archive, item: PlannedItem, area: Area, *, is_root: bool) -> None:
    """Give modes and times, verify all of the tree, and say that it arrived."""
    if item.kind == "files":
        chown = 'chown -h "$2" "$4"' if is_root else ":"
        large = {chunk.entry for chunk in item.chunks if isinstance(chunk, Piece)}
        fields = [_facts(item.entries[number]) for number in sorted(large)]
        area.run(_FINISH.format(chown=chown), stdin=b"".join(fields), doing="giving modes and times")
        owners = "--same-owner" if is_root else "--no-same-owner"
        unpack = f"tar --extract --file=- --directory=tree --preserve-permissions --numeric-owner {owners}"
        area.run(unpack, stdin=_folders(item, as_they_are=True), doing="giving folders their modes")
    found = listing.listed(area.connection, area.tree, item.kind)
    wrong = listing.differing(item.entries, found, with_owners=is_root)
    if wrong and item.kind == "database":
        area.run("rm -f state.json", doing="forgetting it")
        raise TransferError(
            f"the dump of {item.name} came out otherwise than it was made: {', '.join(wrong[:10])}",
            state="Nothing touched the site's database.",
            next_step="fab stage-out without --since, where it is made, and load that archive",
        )
    area.set_state(
        State(
            archive=archive.manifest.archive,
            stage="arrived",
            base=archive.manifest.base,
            facts=item.facts,
            files=sum(entry.kind != "d" for entry in item.entries),
            bytes=sum(entry.bytes for entry in item.entries),
            unsettled=tuple(wrong),
        )
    )


def _facts(entry: Entry) -> bytes:
    fields = (entry.mode.encode(), entry.owner.encode(), entry.modified.encode(), b"./" + name_of(entry.path))
    return b"".join(field + b"\0" for field in fields)
