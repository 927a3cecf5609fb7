"""
Loading an archive onto a site's host: chunk by chunk into its area, then everything verified by digest.

Promise: a chunk is used only when all of it is what the signed manifest says; one that was loaded is not
loaded again; nothing touches the site's database or its files, which whoever moves them does from here.
What changed on legacy while it was read is told by name.
"""

import io
import tarfile
from shlex import quote
from typing import Literal

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
_LAST_WORD = b"ok"

# A chunk counts when its last word came: a stream that broke off may look complete to whoever reads it.
_UNPACK = """
cd {area}/tree || exit 1
head -c {plain} | LC_ALL=C tar --extract --file=- --preserve-permissions --numeric-owner {owners} || exit 1
[ "$(head -c 2)" = ok ] && echo {chunk} >> ../applied
"""
_PIECE = """
cd {area}/tree && head -c {named} > ../piece || exit 1
head -c {plain} | xargs -0 -a ../piece sh -c 'exec dd of="$1" bs=1M iflag=fullblock oflag=seek_bytes \\
    seek={offset} conv=notrunc status=none' sh || exit 1
[ "$(head -c 2)" = ok ] && echo {chunk} >> ../applied
"""
# What a folder forbids its owner would hinder the rest; at the end it gets its own mode.
_OPEN = """
printf %s {state} > state.new && mv state.new state.json && mkdir -p tree &&
find tree -type d ! -perm -u+rwx -exec chmod u+rwx {{}} \\; && cd tree && find . -mindepth 1 -printf '%y%P\\0'
"""
_READY = """
tar --extract --file=- --directory=tree --no-same-owner && : > applied &&
printf %s {state} > state.new && mv state.new state.json
"""
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
    manifest, items = archive.manifest, archive.contents.items
    areas = {item.folder: Area(connection, manifest.tenant, item.kind, item.name) for item in items}
    states = {folder: area.state() for folder, area in areas.items()}
    loaded = {item.folder: _loaded(archive, item, areas[item.folder], states[item.folder]) for item in items}
    total = sum(plain.bytes for plain in archive.contents.plain)
    done = sum(
        plain.bytes
        for item in items
        for sealed, plain, _ in archive.chunks_of(item)
        if sealed.name in loaded[item.folder]
    )
    _require_room(archive, connection, total - done)
    is_root = remote.run(connection, "id -u", doing="id").text == "0"
    progress.start(f"archive {manifest.archive}: loading", total, "bytes")
    arrived = {}
    for item in items:
        area, state = areas[item.folder], states[item.folder]
        if state is not None and _is(state, archive, "arrived"):
            arrived[item.folder] = state
            continue
        if not _is(state, archive, "filling"):
            _clear_for(archive, item, area)
        for sealed, plain, chunk in archive.chunks_of(item):
            if sealed.name not in loaded[item.folder]:
                _apply(archive, item, area, sealed, plain, chunk, is_root=is_root)
                done += plain.bytes
            progress.advance_to(done)
        arrived[item.folder] = _finish(archive, item, area, is_root=is_root)
    return arrived


def _is(state: State | None, archive: Archive, stage: str) -> bool:
    return state is not None and (state.archive, state.stage) == (archive.manifest.archive, stage)


def _loaded(archive: Archive, item: PlannedItem, area: Area, state: State | None) -> set[str]:
    """Return the names of the chunks of an item that need not be loaded any more."""
    _require_base(archive, area, state)
    if _is(state, archive, "arrived"):
        return {sealed.name for sealed, _, _ in archive.chunks_of(item)}
    if _is(state, archive, "filling"):
        return set(area.run("cat applied", doing="reading what was loaded").decode().split("\n"))
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
    free = remote.free_bytes(connection)
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

    def state(stage: Literal["clearing", "filling"]) -> str:
        return quote(State(archive=manifest.archive, stage=stage, base=manifest.base).model_dump_json())

    kept = _kept(item) if manifest.base else {}
    opened = area.run(_OPEN.format(state=state("clearing")), doing="looking at what is there")
    there = [(found[:1].decode(), found[1:]) for found in opened.split(b"\0")[:-1]]
    gone = [name for kind, name in there if kept.get(encoded(name)) != kind]
    if gone:
        names = b"".join(b"./" + name + b"\0" for name in gone)
        area.run("cd tree && xargs -0 rm -rf --", stdin=names, doing="removing what is no part of it")
    folders = _folders(item, as_they_are=False)
    area.run(_READY.format(state=state("filling")), stdin=folders, doing="making its folders")


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
    if isinstance(chunk, Piece):
        header = b"./" + name_of(item.entries[chunk.entry].path) + b"\0"
        words = {"named": len(header), "offset": chunk.offset}
        script = _PIECE.format(area=quote(area.folder), chunk=sealed.name, plain=plain.bytes, **words)
    else:
        header, owners = b"", "--same-owner" if is_root else "--no-same-owner"
        script = _UNPACK.format(area=quote(area.folder), chunk=sealed.name, plain=plain.bytes, owners=owners)
    content = _fetched(archive, sealed)
    length, doing = len(header) + plain.bytes + len(_LAST_WORD), f"unpacking {sealed.name}"
    with streams.writing(area.connection, script, length, doing=doing) as sink:
        if header:
            sink.write(header)
        if unseal(sealed.name, content, sink, archive.keys.identity) != plain:
            raise TransferError(
                f"{archive.store.where}: {sealed.name} does not hold what its contents say",
                state="It is not counted as loaded.",
                next_step="make the archive anew",
            )
        sink.write(_LAST_WORD)


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


def _finish(archive: Archive, item: PlannedItem, area: Area, *, is_root: bool) -> State:
    """Give modes and times, verify all of the tree, and note how it arrived."""
    if item.kind == "files":
        chown = 'chown -h "$2" "$4"' if is_root else ":"
        large = sorted({chunk.entry for chunk in item.chunks if isinstance(chunk, Piece)})
        if facts := b"".join(_facts(item.entries[number]) for number in large):
            area.run(_FINISH.format(chown=chown), stdin=facts, doing="giving modes and times")
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
    arrived = State(
        archive=archive.manifest.archive,
        stage="arrived",
        base=archive.manifest.base,
        facts=item.facts,
        reserved=item.reserved,
        files=sum(entry.kind != "d" for entry in item.entries),
        bytes=sum(entry.bytes for entry in item.entries),
        unsettled=tuple(wrong),
    )
    area.set_state(arrived)
    return arrived


def _facts(entry: Entry) -> bytes:
    fields = (entry.mode.encode(), entry.owner.encode(), entry.modified.encode(), b"./" + name_of(entry.path))
    return b"".join(field + b"\0" for field in fields)
