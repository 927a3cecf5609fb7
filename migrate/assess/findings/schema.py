"""
Kinds of findings about definitions: what in the schema behaves otherwise on the way or on the site.

Promise: each looks at one database's facts, and names every object that it is about.
"""

from collections.abc import Iterable

from migrate.assess.facts import Database
from migrate.assess.kinds import Kinds, Seen, counted

kinds = Kinds[Database]()


def _odd(facts: Database, kind: str, *, detailed: bool = False) -> Iterable[str]:
    return [f"{o.name} ({o.detail})" if detailed and o.detail else o.name for o in facts.odd(kind)]


@kinds.kind(
    "blocker",
    meaning="rows are loaded, indexes built and changes applied with an empty search path, where these "
    "functions "
    "do not find what they name: the load stops at the first row",
    remedy="ALTER FUNCTION … SET search_path, or qualify the names in it; prove it with SET search_path = ''",
)
def search_path_trap(facts: Database) -> Seen:
    return [
        f"{t.function} names {', '.join(t.names)} unqualified, called by {t.used_by}"
        for t in facts.path_traps
    ]


@kinds.kind(
    "warning",
    meaning="they fire for every row that is loaded or applied, so what they do would be done twice",
    remedy="ALTER TABLE … ENABLE TRIGGER (ORIGIN) for the time of the move, or ask what they guard",
)
def trigger_fires_on_apply(facts: Database) -> Seen:
    triggers = [*_odd(facts, "trigger on apply", detailed=True), *_odd(facts, "rule on apply", detailed=True)]
    return counted("triggers and rules that fire for replicated rows", triggers)


@kinds.kind(
    "warning",
    meaning="only a superuser can make them, and the owner on the site is none",
    remedy="ask what they guard; leave them out with a waiver, or have them made on the site",
)
def event_triggers(facts: Database) -> Seen:
    names = _odd(facts, "event trigger", detailed=True)
    return counted(
        "event triggers", names or [f"{facts.counts.event_triggers}"] * bool(facts.counts.event_triggers)
    )


@kinds.kind(
    "info",
    meaning="checked at the end of a transaction; a deferrable key does not count as one for replication",
    remedy="nothing to do, unless a table is told as without a key for that reason",
)
def deferrable_constraint(facts: Database) -> Seen:
    return counted("deferrable constraints", _odd(facts, "deferrable constraint"))


@kinds.kind(
    "info",
    meaning="rows that break them may stand there; they arrive not validated, as they were",
    remedy="VALIDATE CONSTRAINT on legacy shows whether any row does",
)
def constraint_not_validated(facts: Database) -> Seen:
    return counted("constraints that were never validated", _odd(facts, "constraint not validated"))


@kinds.kind(
    "warning",
    meaning="left over of an index that could not be built; a dump leaves them out without a word",
    remedy="DROP INDEX, or REINDEX to have it",
)
def index_invalid(facts: Database) -> Seen:
    return counted("invalid indexes", _odd(facts, "invalid index"))


@kinds.kind(
    "warning",
    meaning="only a superuser can make them, and the owner on the site is none; their libraries or "
    "interpreters "
    "would have to be on the site's server",
    remedy="ask the vendor for another way, or have them made on the site",
)
def function_untrusted(facts: Database) -> Seen:
    return counted("functions in untrusted languages", _odd(facts, "untrusted function", detailed=True))


@kinds.kind(
    "warning",
    meaning="row identifiers of old are not carried over, and servers from PostgreSQL 12 on have none",
    remedy="ALTER TABLE … SET WITHOUT OIDS, if nothing reads them",
)
def table_with_oids(facts: Database) -> Seen:
    return counted("tables WITH OIDS", _odd(facts, "table with oids"))


@kinds.kind(
    "info",
    meaning="set for the table by somebody; a live move may widen it, and sets it back at the end",
    remedy="ask which other replication relies on it",
)
def replica_identity_set(facts: Database) -> Seen:
    return counted(
        "tables with a replica identity of their own", _odd(facts, "replica identity", detailed=True)
    )


@kinds.kind(
    "info",
    meaning="everything lies in the site's one tablespace afterwards",
    remedy="nothing to do",
)
def tablespace_own(facts: Database) -> Seen:
    return counted("tables and indexes in tablespaces", _odd(facts, "tablespace", detailed=True))


@kinds.kind(
    "warning",
    meaning="settings of the database and of roles in it are no part of a copy, yet may change what "
    "queries give",
    remedy="have the vendor say which of them the application needs, and set those on the site",
)
def database_settings(facts: Database) -> Seen:
    return counted("settings", _odd(facts, "setting", detailed=True))


@kinds.kind(
    "info",
    meaning="security labels are not moved",
    remedy="ask what enforces them; have that made on the site",
)
def security_labels(facts: Database) -> Seen:
    return counted("security labels", _odd(facts, "security label", detailed=True))


@kinds.kind(
    "info",
    meaning="somebody reads the changes of this database; from the site nobody would",
    remedy="find out who subscribes, and what they read after the move",
)
def publication_present(facts: Database) -> Seen:
    return counted("publications", _odd(facts, "publication"))
