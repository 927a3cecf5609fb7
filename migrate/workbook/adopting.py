"""
Adopting a workbook: a file without a fault becomes the tenant's ``configuration.xlsx``, to be signed.

Promise: only a sound file is adopted, an XLSX byte for byte; CSV files are written as a workbook first. One
that is signed is replaced only when that is asked for. Every fault stands in ``configuration-faults.txt``.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from pydantic import AwareDatetime

from migrate.adopting import adopt_document
from migrate.case import Case, digest_of
from migrate.environment_template import template_of
from migrate.errors import Waiting, WorkbookError
from migrate.workbook.book import opened
from migrate.workbook.checking import Checked, faults_of, parsed
from migrate.workbook.form import Form
from migrate.workbook.values import Value
from provisioning.model import Model

DOCUMENT = "configuration.xlsx"
TEMPLATE_DOCUMENT = "workbook.xlsx"
SHOWN_FAULTS = 40


class Configuration(Model):
    """Evidence ``configuration``: the workbook that was found sound."""

    file: str
    sha256: str
    template: str
    template_sha256: str
    rows: dict[str, int]
    checked_at: AwareDatetime


def write_template(case: Case) -> Path:
    """Write the empty workbook of the tenant's template into its documents; again, it changes nothing."""
    from migrate.workbook.writing import write  # here, since no other command should have to wait for it

    return case.write_document(TEMPLATE_DOCUMENT, write(template_of(case).form))


def adopt(case: Case, path: Path, *, replace: bool = False) -> Configuration:
    """
    Check a workbook and make it the tenant's configuration.

    Raises:
        WorkbookError: It has faults; the first `SHOWN_FAULTS` are told, all of them in a file.
        Refused: Another one is signed already.
    """
    template, document = template_of(case), case.document(DOCUMENT)
    checked = check(case, path, template.form)
    with _as_workbook(path, template.form) as workbook:
        adopt_document(case, DOCUMENT, workbook.read_bytes(), replace=replace)
    adopted = Configuration(
        file=path.name,
        sha256=digest_of(document),
        template=template.description.name,
        template_sha256=template.digest,
        rows=checked.rows,
        checked_at=datetime.now(UTC),
    )
    case.write_evidence("configuration", adopted)
    return adopted


def check(case: Case, path: Path, form: Form) -> Checked:
    """
    Check a workbook without adopting it.

    Raises:
        WorkbookError: As `adopt`.
    """
    checked, report = Checked(), case.folder / "documents" / "configuration-faults.txt"
    faults = faults_of(path, form, checked)
    first = next(faults, None)
    if first is None:
        report.unlink(missing_ok=True)
        return checked
    report.parent.mkdir(parents=True, exist_ok=True)
    shown, count = [], 0
    with report.open("w", encoding="utf-8") as file:
        for fault in chain([first], faults):
            count += 1
            file.write(f"{fault}\n")
            if count <= SHOWN_FAULTS:
                shown.append(f"  {fault}")
    more = f"\n  … and {count - SHOWN_FAULTS} more, all in {report}" if count > SHOWN_FAULTS else ""
    raise WorkbookError(
        f"{path.name}: {count} to correct\n" + "\n".join(shown) + more,
        state="Nothing was adopted.",
        next_step=f"correct the file, then fab config check --tenant {case.manifest.tenant} --file {path}",
    )


def adopted(case: Case) -> Configuration:
    """
    Return what was adopted.

    Raises:
        Waiting: Nothing yet.
        WorkbookError: The document was changed since it was checked.
    """
    tenant = case.manifest.tenant
    if case.journal.last("evidence", "configuration") is None:
        raise Waiting(
            f"{tenant}: the configuration workbook is not filled in and checked yet",
            next_step=f"fab config check --tenant {tenant} --file FILLED-IN.xlsx",
        )
    found = case.read_evidence("configuration", Configuration)
    document = case.document(DOCUMENT)
    if not document.exists() or digest_of(document) != found.sha256:
        raise WorkbookError(
            f"{DOCUMENT} was changed since it was checked",
            state="Nothing was configured from it.",
            next_step=f"fab config check --tenant {tenant} --file FILE --replace, then have it signed again",
        )
    return found


@contextmanager
def _as_workbook(path: Path, form: Form) -> Iterator[Path]:
    """Give the file itself, or what CSV files say as a workbook."""
    with opened(path) as book, tempfile.TemporaryDirectory(prefix="bascule-") as folder:
        made = Path(folder) / DOCUMENT
        if book.is_spreadsheet:
            shutil.copyfile(path, made)
        else:
            from migrate.workbook.writing import write  # as above

            rows: dict[str, Iterator[list[Value]]] = {
                sheet.name: (values for _, values in parsed(book, sheet)) for sheet in form.sheets
            }
            made.write_bytes(write(form, rows))
        yield made
