"""
A stream: one publication, its slot, and the subscription that applies its changes on the other side.

Promise: each part is made once however often it is asked for, and bears the stream's name. The password
of the stream's role exists on the two servers alone: as a verifier on the one, in the subscription on the
other. Each stream has a marker table of its own that no other stream carries, so that a row in it proves
this stream, and is not sent on by the one that goes the other way: before version 16 a server cannot
tell what it applied from what was written on it.

Source: the parts and their order as in BASELINES' cutover; publications name their tables, since one FOR ALL
TABLES makes the source refuse updates of tables without a key.
"""

import secrets
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

import psycopg
from psycopg import sql

from migrate import slots
from migrate.databases import Database, Session, query, value
from migrate.errors import TransferError
from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live import powers
from migrate.transfer.postgresql_live.names import SCHEMA, ca_file, stem, stream_name
from migrate.transfer.postgresql_live.sessions import asked, discreetly, statement, telling
from migrate.waiting import wait_until

Table = tuple[str, str]
"""Schema and name."""

COUNTS_ERRORS = 15_00_00
"""The version since which a server counts a subscription's errors."""
KNOWS_ORIGIN = 16_00_00
"""The version since which a server tells what was written on it from what it applied."""
PAUSE_SECONDS = 20.0
"""How long a worker may take to end, or a slot to be let go of."""


@dataclass(frozen=True)
class Stream:
    """Changes of some tables on their way. Equal names are one stream, wherever it was read."""

    name: str
    publisher: Database
    subscriber: Database
    tables: tuple[Table, ...] = ()

    @property
    def marker(self) -> tuple[str, str]:
        """The table that only this stream carries, on either side."""
        return SCHEMA, self.name


def new_stream(task: Task, tables: Iterable[Table], number: int = 1) -> Stream:
    """Describe a stream from ``task.source`` to ``task.target``; nothing is made yet."""
    return Stream(stream_name(task, number), task.source, task.target, tuple(sorted(set(tables))))


def streams(task: Task, source: Session, target: Session) -> tuple[Stream, ...]:
    """Return the streams from source to target of which either side still has a part, by number."""
    names = {row["name"] for side in (source, target) for row in asked(side, "stream_names", stem=stem(task))}
    ordered = sorted(names, key=lambda name: int(name.removeprefix(stem(task))))
    return tuple(Stream(name, task.source, task.target, tables(source, name)) for name in ordered)


def tables(publisher: Session, name: str) -> tuple[Table, ...]:
    """Return the tables of one stream's publication, its marker left out."""
    rows = asked(publisher, "stream_tables", stream=name)
    return tuple((row["schema_name"], row["name"]) for row in rows)


def publish(stream: Stream, publisher: Session, subscriber: Session) -> None:
    """Make the marker on both sides, then publication and role; the publication's tables become as named."""
    if not asked(publisher, "stream_publisher", stream=stream.name)[0]["has_role"]:
        # A subscription without its role is from a move that ended while this side was out of reach: it
        # stands at a position of that one, and would skip what this one brings.
        drop_subscription(stream, subscriber)
    for database, session in ((stream.publisher, publisher), (stream.subscriber, subscriber)):
        with telling(database, "making Bascule's own tables"), session.transaction():
            # CREATE … IF NOT EXISTS says so as a notice, which is nobody's business.
            session.execute("SET LOCAL client_min_messages = warning")
            session.execute(statement("CREATE SCHEMA IF NOT EXISTS {}", SCHEMA))
            session.execute(
                statement("CREATE TABLE IF NOT EXISTS {} (token text PRIMARY KEY)", stream.marker)
            )
    wanted = sql.SQL(", ").join(statement("ONLY {}", table) for table in (stream.marker, *stream.tables))
    with telling(stream.publisher, f"making publication and role {stream.name}"), publisher.transaction():
        if asked(publisher, "stream_publisher", stream=stream.name)[0]["has_publication"]:
            publisher.execute(statement("ALTER PUBLICATION {} SET TABLE ", stream.name) + wanted)
        else:
            # A subscriber of version 10 would stop for good at the first TRUNCATE that it is told of.
            kinds = " WITH (publish = 'insert, update, delete')" if _knows_no_truncate(subscriber) else ""
            made = statement("CREATE PUBLICATION {} FOR TABLE ", stream.name) + wanted + sql.SQL(kinds)
            publisher.execute(made)
        _make_role(stream, publisher)


def _knows_no_truncate(session: Session) -> bool:
    return session.info.server_version < 110000


def _make_role(stream: Stream, publisher: Session) -> None:
    """Make the role that the subscription logs in as, or give one that is there back what it needs."""
    if not asked(publisher, "stream_publisher", stream=stream.name)[0]["has_role"]:
        publisher.execute(statement("CREATE ROLE {}", stream.name))
    powers.make_replicating(publisher, stream.name)
    publisher.execute(statement("GRANT CONNECT ON DATABASE {} TO {}", publisher.info.dbname, stream.name))


def reserve(stream: Stream, publisher: Session) -> None:
    """Make the slot: from this moment on the publisher keeps what the subscriber will need."""
    with telling(stream.publisher, f"making slot {stream.name}"):
        if not asked(publisher, "stream_publisher", stream=stream.name)[0]["has_slot"]:
            publisher.execute(
                "SELECT pg_catalog.pg_create_logical_replication_slot(%s, 'pgoutput')", (stream.name,)
            )


def subscribe(stream: Stream, publisher: Session, subscriber: Session, *, enabled: bool = True) -> None:
    """
    Make the subscription, which applies from where the slot stands and copies nothing.

    Needs `publish` before. One that is there keeps its place, and its password while that is good.

    Raises:
        TransferError: Also when the subscriber's server does not reach the publisher as the stream's role.
    """
    if not asked(subscriber, "stream_subscriber", stream=stream.name):
        # Not disable_on_error: a connection that is lost counts as one, and would end the flow for good.
        options = "create_slot = false, slot_name = {0}, copy_data = false, enabled = false"
        if subscriber.info.server_version >= KNOWS_ORIGIN:
            # As whoever makes it: from owners, whom it would otherwise apply as, a fence takes their rights.
            options += ", origin = none, run_as_owner = true"
        text = f"CREATE SUBSCRIPTION {{0}} CONNECTION {{1}} PUBLICATION {{0}} WITH ({options})"
        _connect(stream, publisher, subscriber, text)
    elif not powers.read(subscriber).reads_connections or reason(stream, subscriber):
        _connect(stream, publisher, subscriber, "ALTER SUBSCRIPTION {0} CONNECTION {1}")
    if enabled:
        resume(stream, subscriber)


def reason(stream: Stream, subscriber: Session) -> str:
    """Let the subscriber's server try its connection; return what it says, empty where it gets through."""
    subscriber.execute("SELECT pg_catalog.set_config('bascule.stream', %s, false)", (stream.name,))
    subscriber.execute(query("stream_connects"))
    said = str(value(subscriber, "SHOW bascule.reason"))
    return f"{stream.subscriber.name}: {said}" if said else ""


def _connect(stream: Stream, publisher: Session, subscriber: Session, text: str) -> None:
    """Run a statement that takes the stream's name and a connection string, with a new password in it."""
    password = secrets.token_urlsafe(32)
    verifier = publisher.pgconn.encrypt_password(
        password.encode(), stream.name.encode(), b"scram-sha-256"
    ).decode()
    with telling(stream.publisher, f"giving role {stream.name} a password"), discreetly(publisher):
        publisher.execute(statement("ALTER ROLE {} PASSWORD ", stream.name) + sql.Literal(verifier))
    conninfo = psycopg.conninfo.make_conninfo(
        **stream.publisher.from_afar.place,
        user=stream.name,
        password=password,
        **_proof(stream, subscriber),
        connect_timeout=10,
        # A publisher that went away is noticed after half a minute, not after the two hours of TCP.
        keepalives_idle=15,
        keepalives_interval=5,
        keepalives_count=3,
    )
    with (
        telling(stream.subscriber, f"subscribing to {stream.publisher.name} as {stream.name}"),
        discreetly(subscriber),
    ):
        _run_unseen(subscriber, sql.SQL(text).format(sql.Identifier(stream.name), sql.Literal(conninfo)))


def _run_unseen(session: Session, text: sql.Composed) -> None:
    """Run a statement with a password in it so that no log shows it, whoever sets what is logged."""
    with session.transaction():
        session.execute("CREATE TEMPORARY TABLE bascule_statement (statement pg_catalog.text) ON COMMIT DROP")
        with session.cursor().copy("COPY pg_temp.bascule_statement FROM STDIN") as copy:
            copy.write_row((text.as_string(session),))
        session.execute(query("stream_statement"))


def _proof(stream: Stream, subscriber: Session) -> dict[str, str]:
    """
    By what the subscriber's server knows the publisher, as connection settings.

    By its certificate, where it can keep the authority's file. Where no file can be written, by the
    password: SCRAM bound to the TLS channel is passed only by the server that holds this password's
    verifier, so whoever stands in between is found out as well.
    """
    if powers.read(subscriber).writes_files:
        with telling(stream.subscriber, "writing the authority's file"):
            path = _write_ca(stream, subscriber)
        proof = {"sslmode": "verify-full", "sslrootcert": path}
    else:
        path = ca_file(stream.name)
        proof = {"sslmode": "require", "channel_binding": "require", "sslrootcert": f"{path}.none"}
    # There is no such file. Otherwise libpq looks for one in a home folder that may not be the server's.
    return {**proof, "sslcert": f"{path}.none"}


def _ca_path(stream: Stream, subscriber: Session) -> str:
    return f"{value(subscriber, 'SHOW data_directory')}/{ca_file(stream.name)}"


def _write_ca(stream: Stream, subscriber: Session) -> str:
    """Let the subscriber's server write the publisher's authority where it can read it; return the path."""
    path = _ca_path(stream, subscriber)
    subscriber.execute(
        sql.SQL(
            "COPY (SELECT line FROM pg_catalog.unnest(pg_catalog.string_to_array({}, E'\\n'))"
            " WITH ORDINALITY AS l (line, place) ORDER BY place) TO {}"
        ).format(sql.Literal(stream.publisher.endpoint.ca), sql.Literal(path))
    )
    return path


def resume(stream: Stream, subscriber: Session) -> None:
    """Let changes flow, from where they stopped."""
    with telling(stream.subscriber, f"resuming {stream.name}"):
        if subscriber.info.server_version >= COUNTS_ERRORS and powers.read(subscriber).resets_errors:
            # So that errors which were mended do not count any more.
            subscriber.execute(
                "SELECT pg_catalog.pg_stat_reset_subscription_stats(oid) FROM pg_catalog.pg_subscription"
                " WHERE subname = %s",
                (stream.name,),
            )
        subscriber.execute(statement("ALTER SUBSCRIPTION {} ENABLE", stream.name))


def is_applied(stream: Stream, subscriber: Session) -> bool:
    """Tell whether a stream's subscription is there and switched on."""
    return any(row["is_enabled"] for row in asked(subscriber, "stream_subscriber", stream=stream.name))


def pause(stream: Stream, publisher: Session | None, subscriber: Session) -> None:
    """
    Stop applying, and wait until nobody holds the slot; it and the subscription stay.

    Args:
        publisher: None where it is out of reach: then only the subscriber's worker is waited for.
    """
    with telling(stream.subscriber, f"pausing {stream.name}"):
        if not asked(subscriber, "stream_subscriber", stream=stream.name):
            return
        subscriber.execute(statement("ALTER SUBSCRIPTION {} DISABLE", stream.name))
        if not wait_until(
            lambda: _no_worker(stream, subscriber), deadline_seconds=PAUSE_SECONDS, pace_seconds=0.002
        ):
            raise TransferError(f"{stream.subscriber.name}: {stream.name} does not end", next_step="fab run")
    if publisher is not None:
        _wait_for_slot(stream, publisher)


def _no_worker(stream: Stream, subscriber: Session) -> bool:
    """Tell that no worker applies; one that is left is told to end, since by itself it may take a second."""
    # A worker that is just starting shows no pid yet, but is listed.
    rows = subscriber.execute(
        "SELECT pid, pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_subscription"
        " WHERE subname = %s AND pid IS NOT NULL",
        (stream.name,),
    ).fetchall()
    return not rows


def _wait_for_slot(stream: Stream, publisher: Session) -> None:
    def is_free() -> bool:
        return not asked(publisher, "stream_publisher", stream=stream.name)[0]["active"]

    if not wait_until(is_free, deadline_seconds=PAUSE_SECONDS, pace_seconds=0.002):
        raise TransferError(
            f"{stream.publisher.name}: slot {stream.name} is in use {PAUSE_SECONDS:.0f} s after its end",
            next_step="fab run",
        )


def drop_subscription(stream: Stream, subscriber: Session) -> None:
    """Remove what the subscriber has of a stream: the subscription, the authority's file, the marker."""
    with telling(stream.subscriber, f"removing subscription {stream.name}"):
        if asked(subscriber, "stream_subscriber", stream=stream.name):
            with subscriber.transaction():
                for text in ("DISABLE", "SET (slot_name = NONE)"):
                    subscriber.execute(statement(f"ALTER SUBSCRIPTION {{}} {text}", stream.name))
                subscriber.execute(statement("DROP SUBSCRIPTION {}", stream.name))
        if powers.read(subscriber).writes_files:
            path = shlex.quote(_ca_path(stream, subscriber))
            subscriber.execute(
                sql.SQL("COPY (SELECT WHERE false) TO PROGRAM {}").format(sql.Literal(f"rm -f -- {path}"))
            )
        _drop_marker(stream, subscriber)


def drop_publication(stream: Stream, publisher: Session) -> None:
    """Remove what the publisher has of a stream: slot, publication, role, marker. After the subscription."""
    with telling(stream.publisher, f"removing publication {stream.name}"):
        drop_slot(stream, publisher)
        seen = asked(publisher, "stream_publisher", stream=stream.name)[0]
        if seen["has_publication"]:
            publisher.execute(statement("DROP PUBLICATION {}", stream.name))
        if seen["has_role"]:
            with publisher.transaction():
                publisher.execute(
                    statement("REVOKE ALL ON DATABASE {} FROM {}", publisher.info.dbname, stream.name)
                )
                publisher.execute(statement("DROP ROLE {}", stream.name))
        _drop_marker(stream, publisher)


def drop_slot(stream: Stream, publisher: Session) -> None:
    """Remove a slot, ending who still reads from it."""
    with telling(stream.publisher, f"removing slot {stream.name}"):
        slots.drop_slot(publisher, stream.name)


def _drop_marker(stream: Stream, session: Session) -> None:
    with session.transaction():
        session.execute("SET LOCAL client_min_messages = warning")
        session.execute(statement("DROP TABLE IF EXISTS {}", stream.marker))
