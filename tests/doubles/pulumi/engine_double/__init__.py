"""
A double of the Pulumi CLI and engine, for machines that cannot have the real one.

It drives the real Python SDK and real provider plugins over gRPC, as the engine does, and keeps
state, configuration and locks in the engine's own file formats.

Promise: it does only what Bascule uses of the engine and refuses everything else with status 2,
saying what it was not told of. It says of itself, in every update and preview, that it is a double.
"""

VERSION = "3.259.0"
"""The engine that this stands for."""


class DoubleError(Exception):
    """What the engine would tell a person on one line, ending with status 255."""


class NotToldOfError(Exception):
    """Something of the engine that this double does not do; ends with status 2."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the double was not told of {what}")
