"""
What every record of Bascule is made from: manifests, evidence, documents' content, answers of programs.

Promise: it does not change once it is made, and a key that nobody knows is refused.
"""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import InitErrorDetails

Location = tuple[int | str, ...]
"""The keys and positions that lead to a value."""
Misfit = tuple[Location, str]
"""Where a part does not fit the others, and what is wrong."""


class Model(BaseModel):
    """Frozen, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def refuse_misfits(model: BaseModel, misfits: Iterable[Misfit]) -> None:
    """
    Raises:
        ValidationError: There are some; each is a fault of its own, at its place below the model.
    """
    faults = [
        InitErrorDetails(type="value_error", loc=at, input=None, ctx={"error": ValueError(says)})
        for at, says in misfits
    ]
    if faults:
        raise ValidationError.from_exception_data(type(model).__name__, faults)
