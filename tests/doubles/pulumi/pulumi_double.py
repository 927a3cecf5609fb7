"""
The double of the Pulumi CLI, as a program; bin/pulumi runs it.

Promise: its exit status is the one that the real CLI would give.
"""

import sys

from engine_double.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
