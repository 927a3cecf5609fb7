"""
Exceptions from the rules, ``stacks/policy-exceptions.yaml``: who answers for one, why, and until when.

Promise: an exception that has expired, or fits nothing, excuses nothing and is itself told.
"""

from datetime import date
from pathlib import Path

import yaml
from pydantic import EmailStr, Field, TypeAdapter, ValidationError

from provisioning.errors import WorkspaceError
from provisioning.model import Model

FILE = "policy-exceptions.yaml"
UNMANAGED = "unmanaged"
"""What stands for the rule that nothing stands beside the program; the resource is an ARN then."""


class PolicyException(Model):
    """One resource of one stack that need not keep one rule for a while."""

    rule: str
    stack: str
    resource: str
    """Its name in the program."""
    owner: EmailStr
    reason: str = Field(min_length=15)
    expires: date


_FILE: TypeAdapter[list[PolicyException]] = TypeAdapter(list[PolicyException])


def load_exceptions(stacks: Path) -> list[PolicyException]:
    """
    Read the exceptions of a workspace; none without a file.

    Raises:
        WorkspaceError: The file is not as it must be; all faults are told.
    """
    path = stacks / FILE
    if not path.is_file():
        return []
    try:
        return _FILE.validate_python(yaml.safe_load(path.read_text()) or [])
    except (ValidationError, yaml.YAMLError) as error:
        faults = (
            [f"{'/'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
            if isinstance(error, ValidationError)
            else [str(error)]
        )
        raise WorkspaceError(
            f"stacks/{FILE}: {len(faults)} to correct\n  " + "\n  ".join(faults),
            state="Nothing was checked.",
            next_step="each has rule, stack, resource, owner, reason and expires: YYYY-MM-DD",
        ) from None
