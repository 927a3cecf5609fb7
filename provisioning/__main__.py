"""What Pulumi runs for one stack."""

import sys
from pathlib import Path

# Pulumi runs this folder as a program, so the package that it is part of is not on the path yet. A
# workspace may link here, which is why the link is followed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from provisioning.program import main

main()
