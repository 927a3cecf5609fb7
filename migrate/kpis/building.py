"""
Building the signed KPIs on a tenant's site.

Promise: only what is signed is built; it counts as built once its reader has read it and can do no more.
"""

from migrate import gates
from migrate.case import Case, digest_of
from migrate.connections import Hosts
from migrate.databases import site_database, site_login
from migrate.errors import WorkbookError
from migrate.kpis import dashboards
from migrate.kpis.adopting import DOCUMENT, Dashboards, adopted


def build(case: Case, hosts: Hosts) -> dict[str, int]:
    """
    Build every figure, and read it; return how many rows each has.

    Raises:
        Waiting, GateError: The file is not signed, or was changed since.
        WorkbookError: A figure cannot be built or read, or the reading role may do more than read them.
    """
    gates.check_document(case, DOCUMENT)
    kpis, reader = adopted(case), site_login(hosts, "prod", "reader").name
    with site_database(hosts, role="owner").opened() as session:
        dashboards.build(session, kpis, reader)
    with site_database(hosts, role="reader").opened() as session:
        rows = dashboards.read_all(session, kpis)
        if too_much := dashboards.may_write(session):
            raise WorkbookError(
                f"{reader} may do more than read figures: {', '.join(too_much[:5])}",
                next_step=f"pulumi preview --refresh --diff -s {case.manifest.stack('prod')}",
            )
    case.write_evidence("dashboards", Dashboards(sha256=digest_of(case.document(DOCUMENT)), rows=rows))
    return rows
