"""
The base copy: all objects, all rows of one snapshot, and the flow that begins at its position.

Promise: rows go from one server into the other as a job beside the target, which goes on without this
process; a copy that was interrupted is attached to or begun anew, never added to. A schema that
changed meanwhile is told with both definitions. What the source's server says it sent is what arrived.
"""

import hashlib
from collections.abc import Sequence

from migrate import remote, throttle
from migrate.errors import TransferError
from migrate.mariadb.columns import Table, carried, tables
from migrate.mariadb.definitions import Made, compared, definitions
from migrate.mariadb.health import asking, sessions_allowed
from migrate.mariadb.replication import arm, flow_name, prepare, seen, stop, unlogged
from migrate.mariadb.session import MariaDatabase, MariaSession, literal, mariadb_of, name
from migrate.mariadb.stream import Lane, Sink, start, wait
from migrate.remote_jobs import Job
from migrate.step import Progress
from migrate.transfer.contract import Copied, Estimate, Task
from migrate.transfer.mariadb_live import catalog
from migrate.transfer.mariadb_live.checks import require_fit
from migrate.transfer.stages import Stages

HEADROOM_BYTES = 256 * 1024 * 1024
_STATE = "The target is closed to users and holds a half copy; the source was only read."

_SINK = """
said=$(mariadb --defaults-file=target.cnf --local-infile=1 -vv "$(cat dbname)" \\
    -e "$(cat session "lane-$1"); SHOW WARNINGS") || exit 1
warnings=$(printf '%s\\n' "$said" | sed -n 's/.*Skipped: 0  Warnings: //p')
harmless=$(printf '%s\\n' "$said" | grep -c -F -f "harmless-$1")
[ "$warnings" = "$harmless" ] || { printf '%s\\n' "$said" | grep Records: >&2; exit 1; }
"""

_LOADING = (
    "SET SESSION sql_log_bin = 0, foreign_key_checks = 0, unique_checks = 0, check_constraint_checks = 0,"
    " sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00', net_read_timeout = 604800,"
    " max_error_count = 65535;\n"
)


def estimate(task: Task) -> Estimate:
    """Measure size and disk: the data once more, and the log that the flow brings meanwhile."""
    with mariadb_of(task.source).opened() as session:
        size = sum(table.bytes + table.index_bytes for table in tables(session).values())
    free = remote.free_bytes(task.target.through)
    return Estimate(bytes=size, needs_free_bytes=2 * size + HEADROOM_BYTES, free_bytes=free)


def copy(task: Task, progress: Progress) -> Copied:
    """
    Copy everything and begin the flow; where it flows already, only look.

    Raises:
        TransferError: A server is not fit, a row did not arrive, or the schema changed meanwhile.
    """
    stage = Stages()

    source, target = mariadb_of(task.source), mariadb_of(task.target)
    with target.opened() as there:
        is_begun = seen(there, flow_name(task.tenant, task.name)) is not None
    if not is_begun:
        stage("checks", lambda: require_fit(task))
        stage("rows", lambda: _copy(task, source, target, progress))
    with target.opened() as there:
        found = tables(there).values()
    return Copied(
        name=task.name,
        mode="live",
        engine="mariadb",
        bytes=sum(table.bytes + table.index_bytes for table in found),
        tables=len(found),
        large_objects=0,
        seconds=stage.total_seconds,
        stages=stage.seconds,
    )


def empty(task: Task) -> None:
    """End the job, and drop everything in the target's database."""
    job(task).discard()
    with mariadb_of(task.target).opened() as session:
        catalog.clear(session)


def job(task: Task) -> Job:
    """What streams the rows, beside the target."""
    return Job(task.target.through, f"copy-{task.name}-base")


def _copy(task: Task, source: MariaDatabase, target: MariaDatabase, progress: Progress) -> None:
    with source.opened() as session:
        before, objects, found = compared(session), definitions(session), tables(session)
        prepare(session)
    lanes = [lane(table) for table in found.values() if table.is_transactional]
    working = job(task)
    # A schema that changed since is another copy: what the log has of it must not be done twice.
    spec = f"{task.attempt} {hashlib.sha256(repr(sorted(before.items())).encode()).hexdigest()[:16]}"
    attached = working.look().serves(spec)
    if not attached:
        if not (needed := estimate(task)).fits:
            raise TransferError(
                needed.lacking(task.target.through.host, f"the copy of {source.name}"),
                state="Nothing was copied.",
                next_step="free that much there, then fab run",
            )
        working.discard()
        with target.opened() as session:
            prepare(session)
            catalog.clear(session)
            catalog.make(
                session, (made for key, made in objects.items() if key[0] in catalog.DATA), task.owner
            )
        with source.opened() as session:
            sessions = task.throttle.sessions_at_most(sessions_allowed(session))
        start(
            working,
            spec=spec,
            source=source,
            lanes=lanes,
            sink=sink(target, lanes),
            has_position=True,
            throttle=throttle.files(task.throttle, sessions, asking()),
        )
    progress.start(
        f"{task.name}: rows{' (attached)' if attached else ''}", sum(ln.table.bytes for ln in lanes), "bytes"
    )
    try:
        streamed = wait(working, lanes, progress, state=_STATE, waits=throttle.Told(task.name, progress))
        with source.opened() as session:
            require_same(before, compared(session), "while rows were copied")
    except TransferError:
        working.discard()
        raise
    begin(task, source, target, objects, found, streamed.position)
    working.discard()


def begin(
    task: Task,
    source: MariaDatabase,
    target: MariaDatabase,
    objects: dict[tuple[str, str], Made],
    found: dict[str, Table],
    position: str,
) -> None:
    """
    Make what acts on rows, which it must not have done while they came, and let changes flow.

    Args:
        objects: All that the source is made of.
        found: Its tables.
        position: GTIDs, as ``0-1-100``: the rows are of this moment.
    """
    with target.opened() as session:
        present = definitions(session).keys()
        catalog.make(session, (made for key, made in objects.items() if key not in present), task.owner)
    flow = flow_name(task.tenant, task.name)
    left_out = [table.name for table in found.values() if not table.is_transactional]
    with source.opened() as here, target.opened() as there:
        try:
            arm(flow, source, here, target, there, position=position, without_tables=left_out)
            carry_numbers(here, there)
        except BaseException:
            stop(there, flow, for_good=True)  # a copy without its flow is begun anew
            raise


def require_same(before: dict[tuple[str, str], str], after: dict[tuple[str, str], str], when: str) -> None:
    """
    Make sure that two looks at a schema saw the same.

    Raises:
        TransferError: They did not; has both definitions of the first objects that differ.
    """
    changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    if not changed:
        return
    shown = "\n".join(
        f"{kind} {called} before:\n{before.get((kind, called), '(none)')}\n"
        f"{kind} {called} after:\n{after.get((kind, called), '(none)')}"
        for kind, called in changed[:3]
    )
    raise TransferError(
        f"the schema changed {when}: {', '.join(f'{kind} {called}' for kind, called in changed)}\n{shown}",
        state=_STATE,
        next_step="let nobody change the schema until the move is over, then fab run",
    )


def carry_numbers(source: MariaSession, target: MariaSession) -> int:
    """Let sequences and AUTO_INCREMENT go on where the source's do; return how many were moved on."""
    moved = 0
    here, there = tables(source), tables(target)
    with unlogged(target):
        for table in here.values():
            like = there.get(table.name)
            if like and table.next_number and (like.next_number or 0) < table.next_number:
                target.run(f"ALTER TABLE {name(table.name)} AUTO_INCREMENT = {table.next_number}")
                moved += 1
        for _, called in definitions(source, "sequence"):
            of = name(called)
            ask = f"SELECT next_not_cached_value FROM {of}"  # noqa: S608 - quoted
            number = int(source.value(ask))
            if int(target.value(ask)) != number:
                target.run(f"SELECT SETVAL({of}, {number}, 0)")
                moved += 1
    return moved


def lane(table: Table) -> Lane:
    """A table's way into another MariaDB: every value exactly as it is stored."""
    fields, columns, settings = [], [], []
    for number, column in enumerate(table.stored):
        text, stored = carried(column, f"@v{number}")
        fields.append(text)
        columns.append(f"@v{number}" if stored else column.quoted)
        if stored:
            settings.append(f"{column.quoted} = {stored}")
    statement = (
        f"LOAD DATA LOCAL INFILE '/dev/stdin' INTO TABLE {name(table.name)} CHARACTER SET utf8mb4"
        f" FIELDS TERMINATED BY {literal(chr(9))} ESCAPED BY {literal(chr(92))} ({', '.join(columns)})"
    )
    if settings:
        statement += f" SET {', '.join(settings)}"
    return Lane(table, tuple(fields), statement)


def sink(target: MariaDatabase, lanes: Sequence[Lane]) -> Sink:
    """
    The target's own client, which must have loaded every line without a warning.

    But for one: an enum's empty value, which it has where it was given something else, is stored with a
    warning wherever it comes from.
    """
    return Sink(
        script=_SINK,
        files={
            "target.cnf": target.endpoint.option_file(ca_file="target.pem"),
            "target.pem": target.endpoint.ca.encode(),
            "dbname": target.endpoint.dbname.encode(),  # the source's too, or nothing could flow
            "session": _LOADING.encode(),
            **{f"harmless-{number}": _harmless(ln.table) for number, ln in enumerate(lanes)},
        },
        needs="mariadb",
    )


def _harmless(table: Table) -> bytes:
    enums = [column.name for column in table.columns if column.data_type == "enum"]
    return "\n".join(f"Data truncated for column '{of}' at row" for of in enums or ["(none)"]).encode()
