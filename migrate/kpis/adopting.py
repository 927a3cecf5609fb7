"""
Adopting a file of KPIs: one without a fault becomes the tenant's ``kpis.yaml``, to be signed.

Promise: only a sound file is adopted, byte for byte; one that is signed is replaced only when that is asked.
"""

from pathlib import Path

from migrate.adopting import adopt_document
from migrate.case import Case
from migrate.environment_template import template_of
from migrate.errors import Waiting, WorkbookError
from migrate.kpis.definition import Kpis
from provisioning.model import Model
from provisioning.model_file import load_model

DOCUMENT = "kpis.yaml"


class Dashboards(Model):
    """Evidence ``dashboards``: from which file they were built, and how many rows each then had."""

    sha256: str
    rows: dict[str, int]


def adopt(case: Case, path: Path, *, replace: bool = False) -> Kpis:
    """
    Check a file of KPIs and make it the tenant's.

    Raises:
        ManifestError: It is no such file.
        WorkbookError: A figure is not one safe SELECT over the template's tables; all are told.
        Refused: Another one is signed already.
    """
    from migrate.kpis.safety import faults_of  # here: a parser that no other command should wait for

    kpis = load_model(path, Kpis, next_step="correct the file")
    template = template_of(case)
    schemas = {sheet.table[0] for sheet in template.form.sheets} | set(template.description.work)
    if faults := list(faults_of(kpis, schemas)):
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise WorkbookError(
            f"{path.name}: {len(faults)} to correct\n{listed}",
            state="Nothing was adopted.",
            next_step=f"correct the file, then fab kpis --tenant {case.manifest.tenant} --file {path}",
        )
    adopt_document(case, DOCUMENT, path.read_bytes(), replace=replace)
    return kpis


def adopted(case: Case) -> Kpis:
    """
    Return the tenant's KPIs.

    Raises:
        Waiting: There are none yet.
    """
    document, tenant = case.document(DOCUMENT), case.manifest.tenant
    if not document.exists():
        raise Waiting(
            f"{tenant}: the file of KPIs is not defined and checked yet",
            next_step=f"fab kpis --tenant {tenant} --file KPIS.yaml",
        )
    return load_model(document, Kpis, next_step=f"fab kpis --tenant {tenant} --file KPIS.yaml")


def built(case: Case) -> list[str]:
    """Return the names of the figures that are built; none where the environment is a template's."""
    if case.journal.last("evidence", "dashboards") is None:
        return []
    return list(case.read_evidence("dashboards", Dashboards).rows)
