"""
What Pulumi runs for one stack.

Promise: finds the package from wherever a workspace links to it, and adds nothing to it.
"""

import sys
from pathlib import Path

# Pulumi runs this folder as a program: it stands on the path itself, where our site.py would pass for
# Python's, while the package that it is does not. A workspace may link here; the link is followed.
_HERE = Path(__file__).resolve().parent
sys.path[:] = [str(_HERE.parent), *(entry for entry in sys.path if Path(entry).resolve() != _HERE)]

from provisioning.program import main  # noqa: E402 - only now can it be found

main()
