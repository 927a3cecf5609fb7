"""
Copying: everything between the first look at a source and the moment when its changes flow.

Promise: each stage notes on the site that it is done and is not done again; the source is changed in
two ways only (what changed rows are found by, and what `stream` makes), both remembered before.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg
from psycopg import sql

from migrate.databases import Database, Session, query
from migrate.errors import TransferError
from migrate.step import Progress
from migrate.transfer.contract import Copied, Task
from migrate.transfer.postgresql_live import (
    base_copy,
    checks,
    joining,
    lanes,
    schema,
    state,
    tuning,
    watch,
)
from migrate.transfer.postgresql_live.catalogue import remember
from migrate.transfer.postgresql_live.items import Plan
from migrate.transfer.postgresql_live.jobs import copy_job, definitions_job
from migrate.transfer.postgresql_live.sessions import both_at_work, telling
from migrate.transfer.stages import Stages
from migrate.waiting import wait_until

SEQUENCE_MARGIN = 1000
"""How many values a sequence is set ahead now; the freeze sets it exactly."""
LOCK_SECONDS = 60.0
"""How long to go on asking for a lock that lets nobody else wait for more than a second."""
_ARRIVES = (
    "schema", "extension", "table", "column", "constraint", "index", "trigger", "rule", "policy", "view",
    "materialized view", "sequence", "function", "procedure", "aggregate", "type",
)  # fmt: skip


def copy(task: Task, progress: Progress) -> Copied:
    """Do what is not done yet, up to a flow of changes; see `Live.copy`."""
    stage = Stages()

    with both_at_work(task) as ((source,), (target,)), ThreadPoolExecutor(1) as aside:
        if state.is_begun(target, task) and (copied := state.copied(target, task)):
            return copied
        asked = aside.submit(checks.host, task)
        sizes = base_copy.size(source)
        relations = lanes.read(source)
        host = asked.result()
        if is_new := not state.is_begun(target, task):
            checks.require_movable(task, source, target, host, host.estimate(sizes["database_bytes"]))
            if host.has_jobs:
                # Of a move that was taken back elsewhere: what they did is gone.
                definitions_job(task).discard()
                copy_job(task).discard()
            _begin(task, source, target)
        progress.start(f"{task.name}: definitions", None, "definitions")
        stage("definitions", lambda: _definitions(task, source, target, is_new=is_new))
        set_identities(task.source, source, relations)
        plan = _plan(task, source, target, relations)

    tuned = tuning.settings(sizes["database_bytes"], host.free_bytes)
    try:
        stage("rows", lambda: _rows(task, plan, progress, tuned, sizes["database_bytes"], is_new))
    finally:
        with task.target.opened() as target:
            tuning.untune(target)
    stage("keys", lambda: base_copy.add_keys(task, plan, progress))
    with both_at_work(task) as ((source,), (target,)):
        stage("rest", lambda: _rest(task, source, target))
        watch.require_unchanged(task, source, target, _require_arrived(task, source, target))
        arrived = base_copy.size(target)
        copied = Copied(
            name=task.name,
            mode="live",
            engine="postgresql",
            bytes=arrived["database_bytes"],
            tables=sizes["tables"],
            large_objects=arrived["large_objects"],
            seconds=stage.total_seconds,
            stages=stage.seconds,
            lanes=lanes.counts(relations, sizes["large_objects"]),
        )
        state.keep_copied(target, task, copied)
    return copied


def _begin(task: Task, source: Session, target: Session) -> None:
    """Remember how both sides were, before either is changed."""
    remember(task)
    state.prepare(target)
    watch.remember(target, "source", watch.now(source))
    state.begin(target, task)


def _definitions(task: Task, source: Session, target: Session, *, is_new: bool) -> None:
    if state.entries(target, task) is None:
        entries = schema.begin_definitions(task, source, target, is_new=is_new)
        state.keep_entries(target, task, entries)


def set_identities(database: Database, source: Session, relations: Sequence[lanes.Relation]) -> None:
    """
    Let every published table say which row a change is about; without it, changing one would be refused.

    Raises:
        TransferError: Somebody holds a table for so long that it cannot be told.
    """
    for relation in relations:
        if relation.wanted_identity is None:
            continue
        statement = sql.SQL("ALTER TABLE ONLY {} REPLICA IDENTITY {}").format(
            relation.identifier,
            sql.SQL("FULL") if relation.wanted_identity == "FULL" else sql.SQL("DEFAULT"),
        )

        def is_set(statement: sql.Composed = statement) -> bool:
            try:
                # Whoever wants the table meanwhile queues behind this: never for longer than this.
                with source.transaction():
                    source.execute("SET LOCAL lock_timeout = '1s'")
                    source.execute(statement)
            except psycopg.errors.LockNotAvailable:
                return False
            return True

        with telling(database, f"setting the replica identity of {relation.full_name}"):
            if not wait_until(is_set, deadline_seconds=LOCK_SECONDS, pace_seconds=1):
                raise TransferError(
                    f"{database.name}: {relation.full_name} is locked for more than {LOCK_SECONDS:.0f} s, so "
                    "it could not be prepared",
                    next_step="end the transaction that holds it (pg_locks), then fab run",
                )


def _plan(task: Task, source: Session, target: Session, relations: Sequence[lanes.Relation]) -> Plan:
    entries = state.entries(target, task)
    keys = source.execute(query("live_foreign_keys")).fetchall()
    (large,) = source.execute("SELECT pg_catalog.pg_table_size('pg_catalog.pg_largeobject')").fetchall()
    return Plan(
        relations=relations,
        entries=entries or (),
        foreign_keys=dict(keys),
        large_object_bytes=large[0],
        owner=task.owner,
        same_major=_same_major(source, target),
    )


def _same_major(source: Session, target: Session) -> bool:
    """Whether a row's binary form means the same on both servers, as far as versions tell."""
    majors = {session.info.server_version // 10000 for session in (source, target)}
    there = checks.extensions(target)
    return len(majors) == 1 and all(
        there.get(one) == version for one, version in checks.extensions(source).items()
    )


def _rows(
    task: Task,
    plan: Plan,
    progress: Progress,
    tuned: dict[str, str],
    total: int,
    is_new: bool,
) -> None:
    """Copy all rows; from then on their changes flow."""
    with ThreadPoolExecutor(1) as aside:
        tidied = aside.submit(definitions_job(task).discard)
        flows = base_copy.load(task, plan, progress, tuned=tuned, total=total, is_new=is_new)
        tidied.result()
    joining.join(task, flows, base_copy.carried(task, plan, flows), progress)


def _rest(task: Task, source: Session, target: Session) -> None:
    """What is neither a row of a table nor a definition: sequences, filled views, rights."""
    with telling(task.target, "completing the copy"):
        _set_sequences(source, target)
        filled = source.execute(
            "SELECT schemaname::text, matviewname::text FROM pg_catalog.pg_matviews WHERE ispopulated"
        ).fetchall()
        _refresh(target, [sql.Identifier(*name) for name in filled])
    with task.target.opened(role=task.owner) as owner:
        owner.execute("SELECT pg_catalog.set_config('bascule.application', %s, false)", (task.application,))
        with telling(task.target, "granting"), owner.transaction():
            for _, statement in owner.execute(query("transfer_grants")).fetchall():
                owner.execute(statement)
    watch.remember(target, "site", watch.now(target))


def _set_sequences(source: Session, target: Session) -> None:
    """Set every sequence ahead of its twin, as far as its bounds allow; an unused one stays unused."""
    for schema_name, name, least, most, step in source.execute(query("live_sequences")).fetchall():
        where = sql.Identifier(schema_name, name)
        ((last, is_called),) = source.execute(
            sql.SQL("SELECT last_value, is_called FROM {}").format(where)
        ).fetchall()
        ahead = min(max(last + SEQUENCE_MARGIN * step, least), most) if is_called else last
        target.execute(
            "SELECT pg_catalog.setval(%s::pg_catalog.regclass, %s, %s)",
            (where.as_string(None), ahead, is_called),
        )


def _refresh(target: Session, views: Sequence[sql.Identifier]) -> None:
    """Fill materialised views; one that reads another waits for that one."""
    left = list(views)
    while left:
        waiting = []
        for view in left:
            try:
                target.execute(sql.SQL("REFRESH MATERIALIZED VIEW {}").format(view))
            except psycopg.errors.ObjectNotInPrerequisiteState:
                waiting.append(view)
        if len(waiting) == len(left):
            # Nothing new was filled, so trying again is no use: the server says what it lacks.
            target.execute(sql.SQL("REFRESH MATERIALIZED VIEW {}").format(waiting[0]))
        left = waiting


def _require_arrived(task: Task, source: Session, target: Session) -> dict[tuple[str, str], str]:
    """Refuse a copy that lacks a definition, whatever the tools said; return what the source is made of."""
    with ThreadPoolExecutor(1) as aside:
        asked = aside.submit(watch.now, target)
        here, there = watch.now(source), asked.result()
    missing = sorted(f"{kind} {name}" for kind, name in here.keys() - there.keys() if kind in _ARRIVES)
    if missing:
        shown = "\n  ".join(missing[:20])
        raise TransferError(
            f"{task.target.name} lacks what {task.source.name} has:\n  {shown}",
            state="The source works as ever; what was copied stays.",
            next_step="make it there by hand as the site's owner, then fab run",
        )
    return here
