"""
Kinds of findings about the prod site, where it stands already, held against what comes to it.

Promise: each looks at the site's facts and those of the databases and trees that move there.
"""

from dataclasses import dataclass

from rich.filesize import decimal

from migrate.assess.facts import Database, Files, Target
from migrate.assess.kinds import Kinds, Seen, counted
from migrate.assess.needs import SENDERS_NEEDED, SLOTS_NEEDED

DISK_FACTOR = 2.5
"""Data, indexes, and the dump beside them while it is loaded."""


SUBSCRIBES_WITHOUT_SUPERUSER = 16_00_00
"""The version since which a superuser may leave subscriptions to others."""


@dataclass(frozen=True)
class Site:
    """The site, and everything that moves there."""

    target: Target
    databases: tuple[Database, ...]
    files: tuple[Files, ...]


@dataclass(frozen=True)
class Pair:
    """One database, and the site that it moves to."""

    source: Database
    target: Target


sites = Kinds[Site]()
pairs = Kinds[Pair]()


@sites.kind(
    "blocker",
    meaning="the copy would fill the disk half-way",
    remedy="give the site a larger disk in sizing, then pulumi up",
)
def target_disk_low(site: Site) -> Seen:
    size = sum(d.server.bytes for d in site.databases) + sum(f.bytes for f in site.files)
    needed = int(DISK_FACTOR * size)
    free = site.target.free_bytes
    return f"{decimal(free)} free, {decimal(needed)} needed" if free < needed else None


@sites.kind(
    "warning",
    meaning="changes cannot flow there without a superuser, so databases are moved in bulk",
    remedy="stand the site up with PostgreSQL 16 or later, grant its mover what it lacks, or stay with bulk",
)
def target_refuses_superuser(site: Site) -> Seen:
    target = site.target
    if target.mover_lacks:
        return f"the site's mover lacks {'; '.join(target.mover_lacks)}"
    if target.managed_by and target.version_number < SUBSCRIBES_WITHOUT_SUPERUSER:
        version = target.version_number // 10000
        return f"the site's database is {target.managed_by}, which gives no superuser, of version {version}"
    return None


@sites.kind(
    "warning",
    meaning="changes could not flow back after going live, so databases are moved in bulk",
    remedy="let the site's server have wal_level = logical, and slots and WAL senders for the way back",
)
def target_cannot_flow_back(site: Site) -> Seen:
    target = site.target
    if target.wal_level != "logical":
        return f"wal_level of the site is {target.wal_level}"
    if target.free_slots < SLOTS_NEEDED or target.free_senders < SENDERS_NEEDED:
        return f"the site has {target.free_slots} slots and {target.free_senders} WAL senders free"
    return None


@pairs.kind(
    "blocker",
    meaning="an older server cannot load what a newer one wrote",
    remedy="stand the site up with the newer server",
    waivable=False,
)
def target_older_than_source(pair: Pair) -> Seen:
    # pg_dump of the target reads older servers, never newer ones.
    if pair.source.server.major <= pair.target.version_number // 10000:
        return None
    return f"legacy runs PostgreSQL {pair.source.server.version}, the site an older one"


@pairs.kind(
    "blocker",
    meaning="types and functions of them could not be made there",
    remedy="install them on the site's server",
)
def extension_missing(pair: Pair) -> Seen:
    known = pair.target.available_extensions
    return counted(
        "extensions that the site's server lacks",
        [e.name for e in pair.source.extensions if e.name not in known],
    )


@pairs.kind(
    "warning",
    meaning="its functions may behave otherwise there, and content in its types may be written otherwise",
    remedy="read the extension's notes on the versions between; let the rehearsal compare",
)
def extension_version_differs(pair: Pair) -> Seen:
    there = pair.target.extension_versions
    return counted(
        "extensions of another version on the site",
        [
            f"{e.name} {e.version}, {there[e.name]} there"
            for e in pair.source.extensions
            if there.get(e.name, e.version) != e.version
        ],
    )


@pairs.kind(
    "blocker",
    meaning="letters that the site's encoding lacks would stop the load",
    remedy="stand the site up with UTF8",
)
def target_encoding_narrower(pair: Pair) -> Seen:
    here, there = pair.source.server.encoding, pair.target.encoding
    return None if there in ("UTF8", here) else f"legacy has {here}, the site {there}"


@pairs.kind(
    "warning",
    meaning="lists sort otherwise on the site, and comparisons such as BETWEEN on text may give other rows",
    remedy="stand the site up with legacy's locale, or have the vendor agree to the other one",
)
def locale_differs(pair: Pair) -> Seen:
    here, there = pair.source.server, pair.target
    if not there.collation or (here.collation, here.character_type) == (
        there.collation,
        there.character_type,
    ):
        return None
    return (
        f"legacy has {here.collation} with letters of {here.character_type}, the site {there.collation} with "
        f"{there.character_type}"
    )


@pairs.kind(
    "blocker",
    meaning="tables that name them could not be made",
    remedy="make them on the site with CREATE COLLATION, or install the locale on its host",
)
def collation_missing(pair: Pair) -> Seen:
    there = pair.target.collations
    gone = [
        c.name for c in pair.source.collations if c.name.startswith("pg_catalog.") and c.name not in there
    ]
    return counted("collations that the site lacks", gone) if pair.target.collation else None


@pairs.kind(
    "info",
    meaning="the site's library may sort some letters otherwise; indexes are built anew there, so none is "
    "damaged",
    remedy="nothing to do; lists may change their order in places",
)
def collation_version_differs(pair: Pair) -> Seen:
    here, there = pair.source.server.collation_version_now, pair.target.collation_version
    differ = (
        [f"{pair.source.server.collation} ({here} here, {there} there)"]
        if here and there and here != there
        else []
    )
    differ += [
        f"{c.name} ({c.version_now} here, {pair.target.collations[c.name]} there)"
        for c in pair.source.collations
        if c.version_now and pair.target.collations.get(c.name) not in (None, c.version_now)
    ]
    return counted("collations of another version on the site", differ)


@pairs.kind(
    "blocker",
    meaning="the site's server no longer knows them, so tables that have them could not be made",
    remedy="let the vendor change them on legacy first",
    waivable=False,
)
def removed_on_target(pair: Pair) -> Seen:
    major = pair.target.version_number // 10000
    gone = [f"{o.name} ({o.detail})" for o in pair.source.odd("removed type") if major >= 12]
    gone += [f"operator {o.name}" for o in pair.source.odd("removed operator") if major >= 14]
    return counted("types and operators", gone)
