"""
Files of exceptions below ``stacks/``: who answers for one, why, and until when.

Promise: either every exception of a file is sound, or one error tells all of its faults. An exception counts
to the end of its day and never longer.
"""

from datetime import date
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import EmailStr, Field, TypeAdapter, ValidationError

from provisioning.errors import WorkspaceError
from provisioning.model import Model


class AgreedException(Model):
    """Something about one resource of one stack that somebody answers for, for a while."""

    stack: str
    resource: str
    """Its name in the program."""
    owner: EmailStr
    reason: str = Field(min_length=15)
    expires: date

    def holds(self, today: date) -> bool:
        return self.expires >= today


E = TypeVar("E", bound=AgreedException)


def read_exceptions(path: Path, kind: type[E]) -> list[E]:
    """
    Read a file of exceptions; none without a file.

    Raises:
        WorkspaceError: The file is not as it must be; all faults are told.
    """
    if not path.is_file():
        return []
    adapter: TypeAdapter[list[E]] = TypeAdapter(list[kind])  # type: ignore[valid-type] # a type at run time
    try:
        return adapter.validate_python(yaml.safe_load(path.read_text()) or [])
    except (ValidationError, yaml.YAMLError) as error:
        faults = (
            [f"{'/'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
            if isinstance(error, ValidationError)
            else [str(error)]
        )
        required = ", ".join(name for name, field in kind.model_fields.items() if field.is_required())
        raise WorkspaceError(
            f"stacks/{path.name}: {len(faults)} to correct\n  " + "\n  ".join(faults),
            state="Nothing was checked.",
            next_step=f"each has {required}; a day is YYYY-MM-DD",
        ) from None
