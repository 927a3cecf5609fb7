"""
Exceptions from the rules, ``stacks/policy-exceptions.yaml``: who answers for one, why, and until when.

Promise: an exception that has expired, or fits nothing, excuses nothing and is itself told.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from provisioning.exceptions_file import AgreedException, read_exceptions

FILE = "policy-exceptions.yaml"
UNMANAGED = "unmanaged"
"""What stands for the rule that nothing stands beside the program; the resource is an ARN or a name then."""


class PolicyException(AgreedException):
    """One resource of one stack that need not keep one rule for a while."""

    rule: str


def excused_beside(exceptions: Sequence[PolicyException], stack: str, today: date) -> set[str]:
    """Return what may stand beside a stack's program today."""
    return {
        one.resource
        for one in exceptions
        if one.rule == UNMANAGED and one.stack == stack and one.holds(today)
    }


def load_exceptions(stacks: Path) -> list[PolicyException]:
    """
    Read the exceptions of a workspace; none without a file.

    Raises:
        WorkspaceError: The file is not as it must be; all faults are told.
    """
    return read_exceptions(stacks / FILE, PolicyException)
