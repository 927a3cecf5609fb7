"""
What Pulumi runs for the firm's machines.

Promise: declares the stack's machine and nothing else; run from a linked workspace as from here.
"""

import sys
from pathlib import Path

# Pulumi runs this folder as a program, from a workspace that links to it; the link is followed.
sys.path.insert(0, str(Path(__file__).resolve().parents[4]))

from examples.belledonne.legacy.program.machines import declare

declare()
