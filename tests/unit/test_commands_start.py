"""The command line as a whole: what it costs to start any of its commands."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


HEAVY = ["boto3", "dbos", "icalendar", "pulumi", "scim2_models", "sqlalchemy", "weasyprint"]


@pytest.mark.parametrize("heavy", HEAVY)
def test_commands_do_not_load_what_few_of_them_need(heavy: str) -> None:
    """Runs, PDF, AWS, SCIM and the engine are loaded by those who use them: status answers at once."""
    program = f"import fabfile, sys; sys.exit({heavy!r} in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, check=False).returncode == 0
