"""
What a configuration workbook has to hold: its sheets and their columns, as an environment's template says.

    sheets:
      - name: customers
        title: {fr: Clients, en: Customers}
        table: sales.customer                 # of the site's database; its columns are called as here
        columns:
          - {name: code, title: {fr: Code, en: Code}, type: code, key: true, example: C-001}
          - {name: region, title: {fr: Région, en: Region}, type: reference, to: lists/region, example: north}

Promise: a `Form` that exists can be written, checked and loaded: names are safe in SQL, every sheet has a
key, and a reference names a sheet before its own, or its own.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from provisioning.manifest_base import Identifier, Text, refuse_twice
from provisioning.model import Model

Kind = Literal[
    "text", "code", "email", "phone", "integer", "decimal", "date", "boolean", "choice", "reference"
]

_USUAL_MAX = {"text": 200, "code": 40, "email": 254, "phone": 32, "choice": 60, "reference": 60}
_WIDEST_NUMBER = 18

HelpText = Annotated[str, Field(max_length=400)]


class Bilingual(Model):
    """What stands in a workbook, which people of both languages fill in together."""

    fr: Text
    en: Text

    def __str__(self) -> str:
        return self.fr if self.fr == self.en else f"{self.fr} / {self.en}"


class Help(Model):
    """An explanation of a sheet or a column."""

    fr: HelpText = ""
    en: HelpText = ""


class Column(Model):
    """One column: what may stand in its cells."""

    name: Identifier
    title: Bilingual
    type: Kind
    key: bool = Field(default=False, description="Tells the rows apart, with the other key columns.")
    required: bool = False
    max: int | None = Field(default=None, ge=1, le=4000, description="Characters at most.")
    choices: tuple[Text, ...] = Field(default=(), description="choice: what may stand there.")
    to: str | None = Field(
        default=None,
        pattern=r"^[a-z_][a-z0-9_]*(/[a-z_][a-z0-9_]*)?$",
        description="reference: a sheet with one key column, or sheet/part of one whose first key is part.",
    )
    help: Help = Help()
    example: Text

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        if (self.type == "choice") != bool(self.choices):
            raise ValueError(f"{self.name}: choices belong to type choice, and only there")
        if (self.type == "reference") != (self.to is not None):
            raise ValueError(f"{self.name}: to belongs to type reference, and only there")
        return self

    @property
    def is_required(self) -> bool:
        return self.required or self.key

    @property
    def longest(self) -> int:
        """Characters that its cells may have at most."""
        return self.max or _USUAL_MAX.get(self.type, _WIDEST_NUMBER)


class Sheet(Model):
    """One sheet: rows of one kind."""

    name: Identifier = Field(max_length=31)
    title: Bilingual
    help: Help = Help()
    table: tuple[Identifier, Identifier] = Field(description="Schema and table of the site's database.")
    part: Literal["configuration", "history"] = Field(
        default="history", description="configuration: who works there; history: lists that are taken over."
    )
    required: bool = Field(default=True, description="Whether it must hold at least one row.")
    columns: tuple[Column, ...] = Field(min_length=1, max_length=60)

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
        refuse_twice(self.name, [column.name for column in self.columns])
        if not self.keys:
            raise ValueError(f"{self.name} has no key; mark with key: true what tells its rows apart")
        return self

    @property
    def keys(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.key)


class Form(Model):
    """All sheets, in the order in which they are read and loaded."""

    sheets: tuple[Sheet, ...] = Field(min_length=1, max_length=40)

    @model_validator(mode="after")
    def _references_hold(self) -> Self:
        refuse_twice("sheets", [sheet.name for sheet in self.sheets])
        seen: dict[str, Sheet] = {}
        for sheet in self.sheets:
            seen[sheet.name] = sheet
            for column in sheet.columns:
                if column.to is None:
                    continue
                name, _, part = column.to.partition("/")
                if name not in seen:
                    raise ValueError(f"{sheet.name}.{column.name}: {name} is no sheet before {sheet.name}")
                if len(seen[name].keys) != (2 if part else 1):
                    raise ValueError(f"{sheet.name}.{column.name}: the keys of {name} do not fit {column.to}")
        return self

    def sheet(self, name: str) -> Sheet:
        return next(sheet for sheet in self.sheets if sheet.name == name)
