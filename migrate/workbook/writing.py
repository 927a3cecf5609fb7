"""
Writing a workbook for a customer: help in French and English, drop-down lists, examples, sheets to fill in.

Promise: the same form (and rows) gives the same bytes, so a repeated step does not unsign what was signed.
"""

import io
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from migrate.workbook.book import HEADER_ROWS
from migrate.workbook.checking import MOST_ROWS
from migrate.workbook.form import Bilingual, Column, Form, Sheet
from migrate.workbook.values import Value

HELP_SHEET = "Aide - Help"
_LIST_SHEET_ROWS = HEADER_ROWS + MOST_ROWS
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_HEAD, _EXAMPLE = PatternFill("solid", fgColor="1F3A5F"), PatternFill("solid", fgColor="EEF2F7")
_WHITE = Font(bold=True, color="FFFFFF")
_GREY = Font(italic=True, color="5B6B7D")
_BOLD = Font(bold=True)

_KINDS = {
    "text": Bilingual(fr="texte", en="text"),
    "code": Bilingual(fr="code, sans espace", en="code, without spaces"),
    "email": Bilingual(fr="adresse e-mail", en="e-mail address"),
    "phone": Bilingual(fr="téléphone avec +indicatif", en="phone with +country code"),
    "integer": Bilingual(fr="nombre entier", en="whole number"),
    "decimal": Bilingual(fr="nombre", en="number"),
    "date": Bilingual(fr="date (AAAA-MM-JJ)", en="day (YYYY-MM-DD)"),
    "boolean": Bilingual(fr="oui / non", en="yes (oui) / no (non)"),
    "choice": Bilingual(fr="valeur de la liste", en="value of the list"),
    "reference": Bilingual(fr="code d'une autre feuille", en="code of another sheet"),
}

_HOW_TO = (
    Bilingual(
        fr="Remplissez chaque feuille dès la ligne 4. Ne changez ni les noms des feuilles ni la ligne 1.",
        en="Fill in each sheet from row 4 on. Leave the names of the sheets and row 1 as they are.",
    ),
    Bilingual(
        fr="La ligne 3 montre un exemple ; elle n'est pas reprise. Pas de formules : écrivez les valeurs.",
        en="Row 3 shows an example; it is not taken over. No formulas: write the values themselves.",
    ),
    Bilingual(
        fr="Une fois vérifié, le fichier est signé ; toute modification ultérieure annule la signature.",
        en="Once checked, the file is signed; any later change undoes the signature.",
    ),
)


def write(form: Form, rows: Mapping[str, Iterable[list[Value]]] | None = None) -> bytes:
    """
    Return a workbook of this form, empty or with rows.

    Args:
        rows: Values by sheet, in the order of the form's columns.
    """
    book = Workbook(write_only=True)
    book.properties.creator, book.properties.created = "Bascule", _EPOCH
    _help(book.create_sheet(HELP_SHEET), form)
    for sheet in form.sheets:
        _sheet(book.create_sheet(sheet.name), sheet, (rows or {}).get(sheet.name, ()))
    written = io.BytesIO()
    book.save(written)
    return _without_moments(written.getvalue())


def _help(page: Any, form: Form) -> None:
    for letter, width in zip("ABCDEFG", (24, 30, 36, 12, 12, 24, 70), strict=True):
        page.column_dimensions[letter].width = width
    page.freeze_panes = None
    for how in _HOW_TO:
        page.append([_cell(page, how.fr, wrap=False)])
        page.append([_cell(page, how.en, font=_GREY, wrap=False)])
    page.append([])
    heads = (
        "Feuille / Sheet",
        "Colonne / Column",
        "Contenu / Content",
        "Requis / Required",
        "Max.",
        "Exemple / Example",
        "Aide / Help",
    )
    page.append([_cell(page, head, font=_WHITE, fill=_HEAD) for head in heads])
    for sheet in form.sheets:
        page.append([_cell(page, f"{sheet.name}: {sheet.title}", font=_BOLD, wrap=False)])
        if sheet.help.fr or sheet.help.en:
            page.append(
                ["", _cell(page, " / ".join(filter(None, (sheet.help.fr, sheet.help.en))), wrap=False)]
            )
        for column in sheet.columns:
            required = "oui / yes" if column.is_required else "non / no"
            words = ["", f"{column.name}: {column.title}", _content(column), required, column.longest]
            page.append([*words, column.example, _helping(column)])


def _sheet(page: Any, sheet: Sheet, rows: Iterable[list[Value]]) -> None:
    page.freeze_panes = f"A{HEADER_ROWS + 1}"
    for position, column in enumerate(sheet.columns):
        dimension = page.column_dimensions[get_column_letter(position + 1)]
        dimension.width = max(14, min(40, len(str(column.title))))
        if column.type in ("text", "code", "phone", "reference"):
            # As text, or a spreadsheet program takes leading zeros and the + of a phone number away.
            dimension.number_format = "@"
        if (rule := _rule(column, position)) is not None:
            page.data_validations.append(rule)
    names = []
    for column in sheet.columns:
        cell = _cell(page, column.name, font=_WHITE, fill=_HEAD)
        cell.comment = Comment(f"{_content(column)}\n{_helping(column)}"[:1000], "Bascule", 160, 320)
        names.append(cell)
    page.append(names)
    page.append([_cell(page, str(column.title), font=_BOLD) for column in sheet.columns])
    page.append([_cell(page, column.example, font=_GREY, fill=_EXAMPLE) for column in sheet.columns])
    for row in rows:
        page.append([("oui" if value else "non") if isinstance(value, bool) else value for value in row])


def _cell(page: Any, text: str, *, wrap: bool = True, **style: Any) -> Any:
    cell = WriteOnlyCell(page, value=text)
    cell.alignment = Alignment(wrap_text=wrap, vertical="top")
    for name, value in style.items():
        setattr(cell, name, value)
    return cell


def _content(column: Column) -> str:
    what = str(_KINDS[column.type])
    if column.choices:
        what += f": {', '.join(column.choices)}"
    return what + (f": {column.to}" if column.to else "")


def _helping(of: Column | Sheet) -> str:
    return " / ".join(filter(None, (of.help.fr, of.help.en)))


def _rule(column: Column, position: int) -> DataValidation | None:
    """The check that a spreadsheet program itself makes while somebody types."""
    kind: dict[str, Any]
    match column.type:
        case "choice":
            listed = ",".join(column.choices)
            # A list in the rule itself may have 255 characters; a longer one is left to `fab config check`.
            if len(listed) > 250 or any("," in choice or '"' in choice for choice in column.choices):
                return None
            kind = {"type": "list", "formula1": f'"{listed}"'}
        case "boolean":
            kind = {"type": "list", "formula1": '"oui,non"'}
        case "reference" if "/" not in (column.to or ""):
            kind = {"type": "list", "formula1": f"'{column.to}'!$A${HEADER_ROWS + 1}:$A${_LIST_SHEET_ROWS}"}
        case "integer":
            kind = {"type": "whole", "operator": "between", "formula1": "-999999999", "formula2": "999999999"}
        case "decimal":
            kind = {"type": "decimal", "operator": "between", "formula1": "-1E+15", "formula2": "1E+15"}
        case "text" | "code" | "email" | "phone":
            kind = {"type": "textLength", "operator": "lessThanOrEqual", "formula1": str(column.longest)}
        case _:
            return None
    letter = get_column_letter(position + 1)
    rule = DataValidation(
        **kind,
        allow_blank=not column.is_required,
        showErrorMessage=True,
        errorTitle=column.name[:32],
        error=_content(column)[:225],
        showInputMessage=True,
        promptTitle=str(column.title)[:32],
        prompt=(_helping(column) or _content(column))[:255],
    )
    rule.add(f"{letter}{HEADER_ROWS + 1}:{letter}{_LIST_SHEET_ROWS}")
    return rule


def _without_moments(content: bytes) -> bytes:
    """Return a workbook with the moment of writing taken out of its archive and its properties."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for entry in source.infolist():
            inner = source.read(entry)
            if entry.filename == "docProps/core.xml":
                start, _, rest = inner.partition(b"<dcterms:modified")
                inner = start + rest.partition(b"</dcterms:modified>")[2]
            target.writestr(
                zipfile.ZipInfo(entry.filename, (2000, 1, 1, 0, 0, 0)), inner, zipfile.ZIP_DEFLATED
            )
    return packed.getvalue()
