"""
All rows of one snapshot as text, from one server straight into another, beside the target.

One session of the source prints every table in turn; what it prints is split at the tables' ends and
given to one sink a table: the target's own client. Text is what COPY and LOAD DATA both read.

Promise: every table's lines are counted against what the source's server says it sent, and each sink's
exit status counts; a stream that ends early is no success. Passwords are in files that only the
job's user reads, removed at its end.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote

from fabric import Connection

from migrate import remote
from migrate.errors import TransferError
from migrate.mariadb.columns import Table
from migrate.mariadb.session import PINNED, MariaDatabase, name, without_values
from migrate.remote_jobs import Ended, Job
from migrate.step import Progress
from migrate.throttle import WHY_SLOWED

# A line that is no row begins with a backslash and a point: within a row every backslash is escaped.
_SPLIT = r"""
function stop(why) { print why > "/dev/stderr"; failed = 1; exit 1 }
/^\\\.position / { print substr($0, 12) > "position"; next }
/^\\\.begin / { number = $2; sink = "sh ./sink " number; rows = 0; inside = 1; next }
/^\\\.end / {
    if (rows != $2) stop("table " number ": " rows " rows came of " $2)
    if (rows > 0 && close(sink) != 0) stop("table " number ": its sink failed")
    print number, rows > "counts"; fflush("counts"); inside = 0; next
}
/^\\\.done$/ { whole = 1; next }
inside { print | sink; rows++; next }
{ stop("a line out of its place") }
END { exit failed || !whole }
"""

_SCRIPT = """
export LC_ALL=C.UTF-8
trap 'rm -f source.cnf target.cnf pgpass' EXIT
for each in awk {needs}; do
    command -v $each > /dev/null || {{ echo "$each is not installed" >&2; exit 127; }}
done
: > counts
{{ {lines}
    echo $? > asked; }} | LC_ALL=C awk -f split
split=$?
[ $split -eq 0 ] && [ "$(cat asked)" = 0 ]
"""

_ASK = (
    "mariadb --defaults-file=source.cnf --quick --raw --batch --skip-column-names"
    ' "$(cat dbname)" < statements'
)
# Nobody but the throttle stops what reads; it looks at the source before, and ends with it.
_ASK_YIELDING = f"""
    sh ./throttle > throttle.log 2>&1 &
    watcher=$!
    until [ -p health ] || ! kill -0 $watcher 2> /dev/null; do sleep 0.05; done
    {_ASK} &
    reader=$!
    echo $reader > sending.reader
    wait $reader
    status=$?
    rm -f sending.reader
    kill $watcher $(cat asking) 2> /dev/null
    (exit $status)
"""
_UNPACK = "sh ./unpack"

POSITION = (
    "SELECT BINLOG_GTID_POS("
    "(SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS"
    " WHERE VARIABLE_NAME = 'BINLOG_SNAPSHOT_FILE'),"
    "(SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS"
    " WHERE VARIABLE_NAME = 'BINLOG_SNAPSHOT_POSITION'))"
)
"""Within a consistent snapshot: the GTID position that it stands at; an error without a binary log."""
_LOG_POSITION = (
    "SELECT GROUP_CONCAT(VARIABLE_VALUE ORDER BY VARIABLE_NAME SEPARATOR ' ')"
    " FROM information_schema.SESSION_STATUS"
    " WHERE VARIABLE_NAME IN ('BINLOG_SNAPSHOT_FILE', 'BINLOG_SNAPSHOT_POSITION')"
)
"""Likewise: file and offset in its log."""


@dataclass(frozen=True)
class Lane:
    """One table's way: its fields as expressions on the source, and the statement that reads them."""

    table: Table
    fields: tuple[str, ...]
    statement: str


@dataclass(frozen=True)
class Sink:
    """The target's own client: a script that reads lines, ``$1`` being the lane's number."""

    script: str
    files: Mapping[str, bytes]
    needs: str
    """Programs that it calls, which must be installed beside the target."""


@dataclass(frozen=True)
class Streamed:
    """
    What arrived: rows by table, and the source's GTID position of the snapshot where it was asked for.

    `log_file` and `log_offset` are where that position lies in the source's binary log.
    """

    position: str
    rows: Mapping[str, int]
    log_file: str = ""
    log_offset: int = 0


def start(
    job: Job,
    *,
    spec: str,
    source: MariaDatabase,
    lanes: Sequence[Lane],
    sink: Sink,
    has_position: bool = False,
    throttle: Mapping[str, bytes] | None = None,
) -> None:
    """
    Start the stream as a job beside the target; the job must be absent.

    Args:
        has_position: Tell the source's position too; it must write a binary log.
        throttle: The files of `migrate.throttle`, which have it yield to the source; without, it does not.
    """
    files = {
        **_files(source, lanes, sink, has_position=has_position, is_stopped=throttle is not None),
        **sink.files,
        **(throttle or {}),
    }
    job.start(spec=spec, script=_script(sink, _ASK_YIELDING if throttle else _ASK), files=files)


def start_unpacking(
    job: Job, *, spec: str, folder: str, rows: Sequence[int], lanes: Sequence[Lane], sink: Sink
) -> None:
    """
    Start the stream from what `packing` wrote, as a job beside the target; the job must be absent.

    Args:
        folder: Where that lies, relative to the job's.
        rows: How many each lane must bring.
    """
    asked = []
    for number, count in enumerate(rows):
        asked.append(f"printf '\\\\.begin {number}\\n'")
        if count:
            asked.append(f"gzip -dc < {quote(folder)}/rows-{number}.gz || exit 1")
        asked.append(f"printf '\\\\.end {count}\\n'")
    asked.append("printf '\\\\.done\\n'")
    files = {"split": _SPLIT.encode(), "sink": sink.script.encode(), "unpack": "\n".join(asked).encode()}
    files |= {f"lane-{number}": lane.statement.encode() for number, lane in enumerate(lanes)}
    script = _SCRIPT.format(needs=f"gzip {sink.needs}", lines=_UNPACK)
    job.start(spec=spec, script=script, files={**files, **sink.files})


def packing(folder: str, files: Mapping[str, bytes]) -> Sink:
    """
    A sink that keeps lines, compressed, in a folder of the job; the same lines are the same bytes.

    Args:
        files: What lies there beside them.
    """
    beside = {f"{folder}/{called}": content for called, content in files.items()}
    return Sink(script=f"exec gzip -n -1 > {quote(folder)}/rows-$1.gz\n", files=beside, needs="gzip")


def run(
    connection: Connection,
    folder: str,
    *,
    source: MariaDatabase,
    lanes: Sequence[Lane],
    sink: Sink,
    timeout_seconds: float,
) -> None:
    """
    Stream now and wait for it, where a job of its own would take longer than the rows.

    Args:
        folder: Made for it on that host, and removed.

    Raises:
        TransferError: It is not whole.
    """
    files = {**_files(source, lanes, sink), **sink.files, "script": _script(sink).encode()}
    here = quote(folder)
    remote.write_folder(connection, folder, files, doing="making ready to copy rows")
    script = f"cd {here} && sh ./script; status=$?; cd - > /dev/null; rm -rf {here}; exit $status"
    done = remote.attempt(connection, script, timeout_seconds=timeout_seconds)
    if done.status != 0:
        said = _said(Ended(done.status, done.text, done.errors), lanes)
        raise TransferError(f"copying rows: {said}", next_step="mend the cause, then fab run")


def _files(
    source: MariaDatabase,
    lanes: Sequence[Lane],
    sink: Sink,
    *,
    has_position: bool = False,
    is_stopped: bool = False,
) -> dict[str, bytes]:
    return {
        "statements": _questions(lanes, has_position=has_position, is_stopped=is_stopped).encode(),
        "split": _SPLIT.encode(),
        "sink": sink.script.encode(),
        "source.cnf": source.endpoint.option_file(ca_file="source.pem"),
        "source.pem": source.endpoint.ca.encode(),
        "dbname": source.endpoint.dbname.encode(),
        **{f"lane-{number}": lane.statement.encode() for number, lane in enumerate(lanes)},
    }


def _script(sink: Sink, lines: str = _ASK) -> str:
    return _SCRIPT.format(needs=f"mariadb {sink.needs}", lines=lines)


def _questions(lanes: Sequence[Lane], *, has_position: bool, is_stopped: bool) -> str:
    asked = [PINNED]
    if is_stopped:  # for as long as somebody has it wait, the server writes to nobody
        asked.append("SET SESSION net_write_timeout = 604800")
    asked.append("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    if has_position:
        asked.append(rf"SELECT CONCAT('\\.position ', ({_LOG_POSITION}), ' ', COALESCE(({POSITION}), ''))")
    for number, lane in enumerate(lanes):
        asked.append(rf"SELECT '\\.begin {number}'")
        fields = ", ".join(lane.fields)
        asked.append(f"SELECT {fields} FROM {name(lane.table.name)}")  # noqa: S608 - quoted
        asked.append(r"SELECT CONCAT('\\.end ', FOUND_ROWS())")
    asked.append(r"SELECT '\\.done'")
    return ";\n".join(asked) + ";\n"


def wait(
    job: Job,
    lanes: Sequence[Lane],
    progress: Progress,
    *,
    state: str,
    waits: Callable[[str], None] | None = None,
) -> Streamed:
    """
    Wait for the stream's end, telling how far it is.

    Args:
        waits: Told again and again why the stream waits for the source; nothing while it does not.

    Raises:
        TransferError: It is not whole; names the table and what its client said.
    """
    sizes = [lane.table.bytes for lane in lanes]

    def tell(measured: str) -> None:
        finished, _, why = measured.partition("\n")
        progress.advance_to(sum(sizes[: int(finished or 0)]))
        (waits or (lambda _: None))(why.strip())

    ended = job.wait(measure=f"echo $(wc -l < counts 2>/dev/null); {WHY_SLOWED}", tell=tell)
    seen = job.look(measure="cat position 2>/dev/null || echo; cat counts 2>/dev/null")
    at, *counts = seen.measured.split("\n")
    log_file, log_offset, position = at.rsplit(" ", 2) if at else ("", "0", "")
    rows = {}
    for line in filter(None, counts):
        number, count = line.split()
        rows[lanes[int(number)].table.name] = int(count)
    if ended.status != 0 or len(rows) != len(lanes):
        raise TransferError(
            f"copying rows: {_said(ended, lanes)}",
            state=state,
            next_step="mend the cause, then fab run: it begins the copy anew",
        )
    return Streamed(position, rows, log_file, int(log_offset))


def _said(ended: Ended, lanes: Sequence[Lane]) -> str:
    """What went wrong, with tables by their names and without the values that servers quote."""
    lines = []
    for line in (ended.errors or ended.log).splitlines():
        if found := re.match(r"table (\d+):", line):
            line = line.replace(found[0], f"{lanes[int(found[1])].table.name}:", 1)
        # A DETAIL shows the row, and what stands in quotes at a line's end is a value of it.
        if not line.startswith("DETAIL:"):
            lines.append(without_values(re.sub(r'^((?:ERROR|CONTEXT):.*: )".*$', r'\1"…"', line)))
    return "\n  ".join(lines[:20]) or f"ended with {ended.status} and said nothing"
