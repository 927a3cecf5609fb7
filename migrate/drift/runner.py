"""
The process that checks stacks, each in a process of its own: ``python -m migrate.drift.runner``.

It reads what to do from standard input, one JSON object (`Order`), and writes a `StackReport` a line.

Promise: the program's modules are read once, before the first stack's process is forked off, which is what a
plain loop of previews pays for every stack. A stack's process that dies is that stack's error, and the others
go on. No more processes than `workers` are at work at a time.
"""

import gc
import hashlib
import importlib
import os
import selectors
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from migrate.drift.findings import StackReport, unseen
from provisioning.model import Model
from provisioning.survey import survey_of


class Order(Model):
    """What to check, and how."""

    workspace: Path
    stacks: tuple[str, ...]
    substrates: tuple[str, ...]
    """Of these stacks, so that what they import is there before they are forked off."""
    workers: int
    jitter_seconds: float = 0


def fraction(name: str) -> float:
    """Return where a name falls between 0 and 1, always the same: what shards and jitter go by."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64


def run(order: Order) -> None:
    """Check every stack, and print its report as a line of JSON when it is there."""
    for substrate in order.substrates:
        for module in survey_of(substrate).MODULES:
            importlib.import_module(module)
    gc.freeze()  # pages that the collector does not touch stay shared with every child
    began = time.monotonic()
    # Spread over the jitter by their names, so that neither one shard's stacks nor the shards come at once.
    waiting = sorted((fraction(name) * order.jitter_seconds, name) for name in order.stacks)
    at_work: dict[int, tuple[str, int, bytearray]] = {}
    with selectors.DefaultSelector() as selector:
        while waiting or at_work:
            now = time.monotonic() - began
            while waiting and len(at_work) < order.workers and waiting[0][0] <= now:
                name = waiting.pop(0)[1]
                process, reading = _begun(order, name)
                at_work[reading] = (name, process, bytearray())
                selector.register(reading, selectors.EVENT_READ)
            patience = waiting[0][0] - now if waiting and len(at_work) < order.workers else None
            for key, _ in selector.select(patience):
                name, process, text = at_work[key.fd]
                if piece := os.read(key.fd, 65536):
                    text += piece
                    continue
                selector.unregister(key.fd)
                os.close(key.fd)
                del at_work[key.fd]
                print(_ended(name, process, bytes(text)).model_dump_json(), flush=True)


def _begun(order: Order, name: str) -> tuple[int, int]:
    """Fork a stack's process off; return its id, and where its report can be read."""
    reading, writing = os.pipe()
    process = os.fork()
    if process:
        os.close(writing)
        return process, reading
    status = 1
    try:
        os.dup2(2, 1)  # the report goes its own way; what a program prints is for a person
        report = _report(order, name)
        with os.fdopen(writing, "w") as file:
            file.write(report.model_dump_json())
        status = 0
    finally:
        os._exit(status)  # gRPC's threads would be waited for otherwise
    raise AssertionError("a child does not come here")


def _report(order: Order, name: str) -> StackReport:
    from migrate.drift.check import check
    from provisioning.engine import Stack
    from provisioning.errors import BasculeError
    from provisioning.workspace import Workspace

    now = datetime.now(UTC)
    try:
        return check(Stack(Workspace(order.workspace), name), now.date())
    except BasculeError as error:
        return unseen(name, now, str(error))
    except Exception as error:  # a defect of Bascule is one stack's error, and its text for the person
        return unseen(name, now, f"Bascule did not foresee this: {type(error).__name__}: {error}")


def _ended(name: str, process: int, text: bytes) -> StackReport:
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if status == 0:
        return StackReport.model_validate_json(text)
    how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with {status}"
    return unseen(name, datetime.now(UTC), f"the process that checked it {how}")


if __name__ == "__main__":
    import migrate.drift.check  # noqa: F401 - read before the first fork, in this process only

    run(Order.model_validate_json(sys.stdin.read()))
