"""
Kinds of findings about rows: tables and all else that holds content.

Promise: each looks at one database's facts, and says in which lane of a move its subject goes.
"""

from rich.filesize import decimal

from migrate.assess.facts import Database
from migrate.assess.kinds import Kinds, Seen, counted

kinds = Kinds[Database]()

LARGE_ROW_BYTES = 64 * 1024 * 1024
"""Replication holds whole rows in memory; nothing over 1 GB can pass at all."""


@kinds.kind(
    "warning",
    meaning="a user that is subject to it sees only some of the rows; reading them all is then refused",
    remedy="let the user of the manifest have BYPASSRLS",
)
def row_security(facts: Database) -> Seen:
    if facts.server.bypasses_row_security:
        return None
    return counted("tables with row security", [t for t in facts.tables if t.has_row_security])


@kinds.kind(
    "info",
    meaning="moved with their tables; one that names a role which the site lacks could not be made",
    remedy="have the vendor say whom they are for; on the site there is an owner and one application role",
)
def policies(facts: Database) -> Seen:
    return counted("row security policies", [o.name for o in facts.odd("policy")])


@kinds.kind(
    "warning",
    meaning="their rows live in another system and are not moved; its passwords in user mappings neither",
    remedy="decide with the customer what the site reads instead",
)
def foreign_table(facts: Database) -> Seen:
    foreign = [t for t in facts.tables if t.kind == "foreign"]
    return counted("foreign tables", foreign or [f"server {o.name}" for o in facts.odd("foreign server")])


@kinds.kind(
    "info",
    meaning="live: every column takes the part of a key, so a change to many rows is slow to apply; bulk: "
    "moved "
    "like any other; compared as whole rows",
    remedy="nothing to do; a primary key would make a live move faster",
)
def table_without_key(facts: Database) -> Seen:
    keyless = [
        t for t in facts.tables if t.kind == "table" and not (t.has_key or t.is_unlogged or t.no_equality)
    ]
    return counted("tables without a primary key", keyless)


@kinds.kind(
    "warning",
    meaning="their changed rows cannot be told from others, so a live move copies them once more in the "
    "freeze: "
    "the stop grows with their size",
    remedy="give them a primary key, or let json be jsonb",
)
def table_without_equality(facts: Database) -> Seen:
    tables = [f"{t} ({', '.join(t.no_equality)})" for t in facts.tables if t.no_equality]
    return counted("tables without a key and with columns that cannot be compared", tables)


@kinds.kind(
    "info",
    meaning="moved with their rows, in a live move once more in the freeze; empty after a crash, as on "
    "legacy",
    remedy="ask whether their rows matter",
)
def unlogged_table(facts: Database) -> Seen:
    return counted("unlogged tables", [t for t in facts.tables if t.is_unlogged])


@kinds.kind(
    "info",
    meaning="moved and compared one by one, in a live move again in the freeze: the stop grows with their "
    "volume",
    remedy="nothing to do; orphaned ones can be removed with vacuumlo",
)
def large_objects(facts: Database) -> Seen:
    counts = facts.counts
    if not counts.large_objects:
        return None
    return f"large objects: {counts.large_objects}, {decimal(counts.large_object_bytes)}"


@kinds.kind(
    "info",
    meaning="filled anew on the site from the moved rows, which is part of the stop",
    remedy="nothing to do",
)
def materialized_views(facts: Database) -> Seen:
    counts = facts.counts
    if not counts.materialized_views:
        return None
    return f"materialised views: {counts.materialized_views}, {decimal(counts.materialized_view_bytes)}"


@kinds.kind(
    "info",
    meaning="their values are not replicated but computed anew on the site, and compared there",
    remedy="nothing to do, as long as their expressions depend on the row alone",
)
def generated_columns(facts: Database) -> Seen:
    count = facts.counts.generated_columns
    return f"generated columns: {count}" if count else None


@kinds.kind(
    "info",
    meaning="replication does not carry them: set with a margin while live, exactly in the freeze",
    remedy="nothing to do",
)
def sequences(facts: Database) -> Seen:
    counts = facts.counts
    if not counts.sequences:
        return None
    return f"sequences: {counts.sequences}, of which {counts.identity_columns} of identity columns"


@kinds.kind(
    "warning",
    meaning="inserts fail once it is used up; a margin that the move leaves brings that day nearer",
    remedy="let the vendor make the column a bigint before the move",
)
def sequence_nearly_used_up(facts: Database) -> Seen:
    return counted("sequences", [f"{o.name}, {o.detail}" for o in facts.odd("sequence nearly used up")])


@kinds.kind(
    "info",
    meaning="leaves are moved, replicated and compared each for itself; the tree is made by its definition",
    remedy="let no partition be added or detached between base copy and freeze",
)
def partition_tree(facts: Database) -> Seen:
    return counted("partition trees", [f"{o.name}, {o.detail}" for o in facts.odd("partition tree")])


@kinds.kind(
    "info",
    meaning="moved by their definition, rows with the table that holds them",
    remedy="nothing to do",
)
def table_inherits(facts: Database) -> Seen:
    return counted("tables that inherit", [f"{o.name} from {o.detail}" for o in facts.odd("inheritance")])


@kinds.kind(
    "warning",
    meaning="a row this large takes its size several times over in memory, on both sides; over 1 GB it "
    "cannot pass",
    remedy="ask whether such content belongs into files; give the site's database more memory",
)
def row_very_large(facts: Database) -> Seen:
    largest = facts.read.largest_row_bytes if facts.read else 0
    return f"a row of {decimal(largest)} among those that were read" if largest >= LARGE_ROW_BYTES else None
