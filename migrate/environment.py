"""
A site's environment: set up from its template, configured from the signed workbook, proved to be just that.

Promise: setting up and configuring again changes nothing that is right. What a site was configured from is
told by its host and by its stack's configuration; where the two differ, that is drift. The proof reads the
real files, definitions and rows.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Literal

from psycopg import sql

from migrate import environment_template, gates, pilot, remote
from migrate.case import Case
from migrate.compare.definitions import definitions
from migrate.connections import Hosts
from migrate.databases import Session, site_database, value
from migrate.environment_template import Template, template_of
from migrate.errors import DifferenceError, EvidenceError, MigrationError
from migrate.kpis.dashboards import SCHEMA as KPI_SCHEMA
from migrate.matching import require_match
from migrate.workbook.adopting import DOCUMENT, adopted
from migrate.workbook.loading import Loaded, Rejected, differing, load
from provisioning.engine import Stack
from provisioning.model import Model

Part = Literal["configuration", "history"]


class SetUp(Model):
    """Evidence ``environment``: what the site was set up from, and what it was made of right afterwards."""

    template: str
    version: str
    sha256: str
    definitions: int
    definitions_sha256: str


class LoadedSheet(Model):
    sheet: str
    rows: int
    changed: int
    removed: int
    rejected: tuple[Rejected, ...]


class Configured(Model):
    """Evidence ``configured`` (who works there) and ``history`` (what was taken over)."""

    sha256: str
    sheets: tuple[LoadedSheet, ...]

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        return tuple(row for sheet in self.sheets for row in sheet.rejected)


class Proof(Model):
    """Evidence ``environment-proof``: the site is its template, filled with the workbook, nothing else."""

    attempt: str
    template_sha256: str
    workbook_sha256: str
    rows: int
    rejected: int


def set_up(case: Case, hosts: Hosts) -> SetUp:
    """
    Make the template's tables in the site's empty database, in one transaction.

    Raises:
        MigrationError: The database holds something else.
        EvidenceError: The template was changed.
    """
    template = template_of(case)
    mark = f"template {template.description.name} {template.description.version} sha256:{template.digest}"
    with site_database(hosts, role="owner").opened() as session:
        present = value(
            session,
            "SELECT pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database"
            " WHERE datname = pg_catalog.current_database()",
        )
        if present != mark:
            if present or definitions(session):
                raise MigrationError(
                    f"the database of {case.manifest.stack('prod')} is {present or 'not empty'}, not {mark}",
                    state="Nothing was changed in it.",
                    next_step="have the site destroyed and stood up again, if nobody needs what is in it",
                )
            with session.transaction():
                session.execute(template.schema_sql)
                comment = sql.SQL("COMMENT ON DATABASE {} IS {}")
                name = sql.Identifier(session.info.dbname)
                session.execute(comment.format(name, sql.Literal(mark)))
        count, digest = _definitions_digest(session)
    made = SetUp(
        template=template.description.name,
        version=template.description.version,
        sha256=template.digest,
        definitions=count,
        definitions_sha256=digest,
    )
    if case.journal.last("evidence", "environment") is None:
        case.write_evidence("environment", made)
    return made


def configure(case: Case, hosts: Hosts, part: Part) -> Configured:
    """
    Load a part of the signed workbook; with the configuration, its digest goes to host and stack.

    Raises:
        Waiting, GateError: It is not signed, or was changed since.
        SiteError: Site and program differ afterwards.
    """
    gates.check_document(case, DOCUMENT)
    workbook, template = adopted(case), template_of(case)
    with site_database(hosts, role="owner").opened() as session:
        done = load(session, case.document(DOCUMENT), template.form, [part])
    found = Configured(sha256=workbook.sha256, sheets=tuple(_kept(one) for one in done))
    if part == "configuration":
        _declare(case, hosts, workbook.sha256)
    else:
        _report_rejected(case, found.rejected)
    case.write_evidence("configured" if part == "configuration" else part, found)
    return found


def prove(case: Case, hosts: Hosts, attempt: str) -> Proof:
    """
    Prove that the site is its template, filled with the signed workbook, and that nobody's trial is left.

    Raises:
        DifferenceError: It is not; names everything in which it differs.
    """
    found = list(differences(case, hosts))
    if found:
        listed = "\n".join(f"  {one}" for one in found)
        raise DifferenceError(
            f"{case.manifest.stack('prod')} is not as it was signed:\n{listed}",
            state="The door is as it was.",
            next_step=f"see to it, or fab reconfigure --tenant {case.manifest.tenant}; then fab run",
        )
    workbook, history = adopted(case), case.read_evidence("history", Configured)
    proof = Proof(
        attempt=attempt,
        template_sha256=template_of(case).digest,
        workbook_sha256=workbook.sha256,
        rows=sum(workbook.rows.values()),
        rejected=len(history.rejected),
    )
    case.write_evidence("environment-proof", proof)
    return proof


def differences(case: Case, hosts: Hosts) -> list[str]:
    """Name everything in which the site is not its template filled with the signed workbook."""
    gates.check_document(case, DOCUMENT)
    template, made = template_of(case), case.read_evidence("environment", SetUp)
    found = _of_template(case, hosts, template)
    rejected = case.read_evidence("history", Configured).rejected
    with site_database(hosts, role="owner").opened() as session:
        count, digest = _definitions_digest(session)
        if (count, digest) != (made.definitions, made.definitions_sha256):
            found.append(f"tables: {count} definitions {digest[:12]}…, {made.definitions} when it was set up")
        found += differing(session, case.document(DOCUMENT), template.form, rejected)
        found += pilot.left_over(session, template.description.work)
    return found + files_left(hosts)


def files_left(hosts: Hosts) -> list[str]:
    """Name what lies in the site's folder for files, where nobody has put anything yet."""
    listed = remote.run(
        hosts.target(), f"find {hosts.site().files} -mindepth 1 | head -n 20", doing="looking at files"
    )
    return [f"files: {name}" for name in listed.text.splitlines()]


def _of_template(case: Case, hosts: Hosts, template: Template) -> list[str]:
    folder = hosts.site().template
    if folder is None:
        raise EvidenceError(f"{case.manifest.stack('prod')} does not tell where its template lies")
    there = environment_template.digest_on(hosts.target(), folder)
    if there == template.digest:
        return []
    return [
        f"template {template.description.name}: {there[:12]}… on the host, {template.digest[:12]}… published"
    ]


def _definitions_digest(session: Session) -> tuple[int, str]:
    """Return number and digest of the definitions, without the customer's own figures."""
    own = [
        f"{kind} {name} {text}"
        for (kind, name), text in sorted(definitions(session).items())
        # A comment's name is that of what it is about, with its kind before it.
        if not any(word == KPI_SCHEMA or word.startswith(f"{KPI_SCHEMA}.") for word in name.split())
    ]
    return len(own), hashlib.sha256("\n".join(own).encode()).hexdigest()


def _declare(case: Case, hosts: Hosts, sha256: str) -> None:
    content = json.dumps({"sha256": sha256, "document": DOCUMENT}).encode()
    remote.write_file(hosts.target(), hosts.site().configuration_mark, content)
    stack = Stack(case.workspace, case.manifest.stack("prod"))
    declared = stack.run("config", "get", "bascule:configuration", check=False)
    if declared.returncode == 0 and declared.stdout.strip() == sha256 and stack.matches_its_program()[0]:
        return
    stack.set_config("bascule:configuration", sha256)
    stack.up()
    why = "differs from its program right after it was configured"
    require_match(stack, why, state="The workbook is loaded.")


def _kept(one: Loaded) -> LoadedSheet:
    return LoadedSheet(
        sheet=one.sheet,
        rows=one.rows,
        changed=one.changed,
        removed=one.removed,
        rejected=tuple(one.rejected),
    )


def _report_rejected(case: Case, rejected: Sequence[Rejected]) -> None:
    """Write what was refused for the customer to look at, row by row."""
    lines = [f"{one.sheet}, row {one.row} ({one.key}): {one.reason}\n" for one in rejected]
    case.write_document("rejected-rows.txt", "".join(lines).encode())
