"""
The plugin's process: ``python -m provisioning.local.plugin <engine address>``.

The engine may put options of its own logging before the address.

Promise: the port is the first line on stdout and the only one; nothing that this process starts
holds its sockets or ends with it.
"""

import sys

from provisioning.local.plugin.protocol_only import leave_out_the_sdk

leave_out_the_sdk()

from provisioning.local.kinds import KINDS, VERSION  # noqa: E402 - imports the protocol, which is bare only now
from provisioning.local.plugin.glue import serve  # noqa: E402 - likewise

if __name__ == "__main__":
    serve("bascule", VERSION, KINDS, sys.argv[-1] if len(sys.argv) > 1 else None)
