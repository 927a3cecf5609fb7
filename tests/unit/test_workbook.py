"""Configuration workbooks: what is written can be read, and every fault is told at its cell."""

import io
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate import environment_template
from migrate.errors import EvidenceError, WorkbookError
from migrate.workbook.book import HEADER_ROWS, opened
from migrate.workbook.checking import Checked, faults_of, parsed
from migrate.workbook.form import Column, Form
from migrate.workbook.values import Value, value_of
from migrate.workbook.writing import write
from provisioning.model_file import load_model
from provisioning.workspace import Workspace
from tests.support.fieldpro import EXAMPLE, ROWS

FOLDER = EXAMPLE / "templates" / "visits"


@pytest.fixture(scope="module")
def form() -> Form:
    return load_model(FOLDER / "template.yaml", environment_template.Description, next_step="").workbook


@pytest.fixture
def sound(form: Form, tmp_path: Path) -> Path:
    path = tmp_path / "sound.xlsx"
    path.write_bytes(write(form, ROWS))
    return path


def faults(path: Path, form: Form) -> list[str]:
    return [str(fault) for fault in faults_of(path, form, Checked())]


def changed(path: Path, **cells: object) -> Path:
    """Save the workbook with other values in some cells: ``customers_C4="south"``."""
    book = openpyxl.load_workbook(path)
    for place, value in cells.items():
        sheet, _, cell = place.rpartition("_")
        book[sheet][cell].value = value
    book.save(path)
    return path


def test_same_form_gives_the_same_bytes(form: Form) -> None:
    """A repeated step does not unsign what was signed: two writings are equal, byte for byte."""
    assert write(form, ROWS) == write(form, ROWS)


def test_empty_workbook_explains_itself(form: Form) -> None:
    """Sheets, types, drop-down lists, examples and help in French and English are in the file."""
    book = openpyxl.load_workbook(io.BytesIO(write(form)))
    assert book.sheetnames == ["Aide - Help", *(sheet.name for sheet in form.sheets)]
    helped = " ".join(str(cell.value) for row in book["Aide - Help"] for cell in row if cell.value)
    assert "Remplissez chaque feuille" in helped
    assert "Fill in each sheet" in helped
    for sheet in form.sheets:
        page = book[sheet.name]
        assert [cell.value for cell in page[1]] == [column.name for column in sheet.columns]
        assert [cell.value for cell in page[HEADER_ROWS]] == [column.example for column in sheet.columns]
        assert all(cell.comment for cell in page[1])
    rules = {
        str(rule.sqref).split(":")[0]: rule for rule in book["mobile_users"].data_validations.dataValidation
    }
    assert rules["D4"].formula1 == "'web_users'!$A$4:$A$200003"
    assert rules["E4"].formula1 == '"oui,non"'
    assert book["mobile_users"].column_dimensions["C"].number_format == "@"


def test_sound_workbook_has_no_fault(sound: Path, form: Form) -> None:
    """What was written with rows is read back value for value."""
    checked = Checked()
    assert list(faults_of(sound, form, checked)) == []
    assert checked.rows == {name: len(rows) for name, rows in ROWS.items()}
    with opened(sound) as book:
        products = [values for _, values in parsed(book, form.sheet("products"))]
        customers = [values for _, values in parsed(book, form.sheet("customers"))]
    assert products == ROWS["products"]
    assert customers[0][5] == date(2024, 3, 31)


def test_every_fault_is_told_at_its_cell(sound: Path, form: Form) -> None:
    """Duplicates, unknown references, bad addresses and numbers, gaps, lengths, formulas: all at once."""
    changed(
        sound,
        customers_A5="C-0001",
        customers_C4="south",
        customers_D4="no-address",
        customers_E4="12",
        customers_B5=None,
        products_B4="x" * 121,
        products_C4="=1+1",
        products_C5="much",
        products_D4=2.5,
        products_F4="stray",
        mobile_users_D4="W-99",
        mobile_users_C4=221771234567,
        web_users_D4="boss",
        mobile_users_E4="perhaps",
    )
    told = faults(sound, form)
    for expected in (
        "web_users!D4: role: 'boss' is none of admin, manager, viewer",
        "mobile_users!D4: 'W-99' is not in web_users",
        "customers!B5: name: missing",
        "customers!A5: 'C-0001' stands in row 4 already",
        "customers!C4: 'south' is not in lists/region",
        "products!B4: name: 121 characters; 120 at most",
        "products!C4: holds the formula =1+1; write the value itself",
        "products!C5: price: 'much' is no number",
        "products!D4: pack: 2.5 is no whole number",
    ):
        assert expected in told
    assert {fault.split(":")[0] for fault in told} >= {
        "customers!D4",
        "customers!E4",
        "mobile_users!C4",
        "mobile_users!E4",
    }
    assert len(told) == 14


def test_header_that_was_changed_is_told(sound: Path, form: Form) -> None:
    """A renamed column and a missing sheet are told as that, not as thousands of faulty cells."""
    book = openpyxl.load_workbook(sound)
    book["products"]["C1"].value = "prix"
    del book["web_users"]
    book.save(sound)
    told = faults(sound, form)
    assert "web_users: this sheet is missing" in told
    assert "products!C1: unknown column 'prix'; leave the first row as is" in told
    assert "products!A1: column 'price' is missing" in told


def test_csv_is_checked_alike(form: Form, tmp_path: Path) -> None:
    """A folder of CSV files, or a ZIP of them, holds the same rows and shows the same faults."""
    for name, rows in ROWS.items():
        names = [column.name for column in form.sheet(name).columns]
        lines = [";".join(names)] + [";".join("" if v is None else str(v) for v in row) for row in rows]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines), encoding="utf-8-sig")
    assert faults(tmp_path, form) == []
    (tmp_path / "products.csv").write_text("code,name,price\nP-1,=cmd(),1\nP-1,Two,2\n")
    assert faults(tmp_path, form) == [
        "products!B2: name: begins with =, as formulas do; write the value itself",
        "products!A3: 'P-1' stands in row 2 already",
    ]
    (tmp_path / "products.csv").write_bytes(b"code;name;price\nP-1;Caf\xe9;1\n")
    with pytest.raises(WorkbookError, match=r"products.csv is not UTF-8"):
        faults(tmp_path, form)


@pytest.mark.parametrize(
    ("name", "says"), [("macro", "holds macros"), ("bomb", "bytes when unpacked"), ("text", "is no workbook")]
)
def test_dangerous_file_is_refused(form: Form, tmp_path: Path, name: str, says: str) -> None:
    """Macros, an archive that would fill the machine, and what is no workbook at all are not opened."""
    path = tmp_path / f"{name}.xlsx"
    path.write_bytes(b"hello")
    if name != "text":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/workbook.xml", "<workbook/>")
            if name == "macro":
                archive.writestr("xl/vbaProject.bin", "macro")
            else:
                with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as inner:
                    for _ in range(520):
                        inner.write(bytes(1 << 20))
    with pytest.raises(WorkbookError, match=says):
        faults(path, form)


@given(st.text())
def test_any_text_is_a_value_or_a_fault(text: str) -> None:
    """Whatever somebody types in a cell of any type comes back as a value or as a reason in words."""
    for kind in ("text", "code", "email", "phone", "integer", "decimal", "date", "boolean"):
        column = Column.model_validate(
            {"name": "x", "title": {"fr": "x", "en": "x"}, "type": kind, "example": "x"}
        )
        try:
            value = value_of(column, text)
        except ValueError as error:
            value = f"refused: {error!s}"
        assert value is None or not isinstance(value, str) or value


def test_numbers_are_kept_exactly() -> None:
    """A price never passes through a binary fraction, whichever way it was typed."""
    column = Column.model_validate(
        {"name": "x", "title": {"fr": "x", "en": "x"}, "type": "decimal", "example": "1"}
    )
    assert [value_of(column, cell) for cell in ("14,50", 0.1, 3)] == [Decimal("14.50"), Decimal("0.1"), 3]


_MEASURE = """
import resource, sys
from pathlib import Path
from migrate.environment_template import Description
from migrate.workbook.checking import Checked, faults_of
from provisioning.model_file import load_model
form = load_model(Path(sys.argv[1]), Description, next_step="").workbook
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
checked = Checked()
found = sum(1 for _ in faults_of(Path(sys.argv[2]), form, checked))
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(checked.rows["customers"], found, grown)
"""


def test_hundred_thousand_rows_in_bounded_memory(form: Form, tmp_path: Path) -> None:
    """100,000 customers are checked, their one fault found, in less than 150 MB more than an empty check."""
    path = tmp_path / "large.xlsx"
    path.write_bytes(write(form, {**ROWS, "customers": _many_with_one_fault()}))
    command = [sys.executable, "-c", _MEASURE, str(FOLDER / "template.yaml"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows, found, grown_kb = map(int, done.stdout.split())
    assert (rows, found) == (100_000, 1)
    assert grown_kb < 150_000


def _many_with_one_fault() -> Iterator[list[Value]]:
    for number in range(100_000):
        region = "south" if number == 77_777 else "nord"
        yield [f"C-{number:06}", f"Farm number {number}", region, None, None, None]


def test_changed_template_is_refused(tmp_path: Path) -> None:
    """A template counts only as it was published: one changed byte, and nothing is set up from it."""
    shutil.copytree(EXAMPLE / "templates", tmp_path / "templates")
    template = environment_template.load(Workspace(tmp_path), "visits")
    assert template.description.work == ("work",)
    with (tmp_path / "templates/visits/schema.sql").open("a") as file:
        file.write("-- one more line\n")
    with pytest.raises(EvidenceError, match="published as"):
        environment_template.load(Workspace(tmp_path), "visits")
