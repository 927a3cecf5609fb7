"""
Names of what a live move leaves on servers for a while: one name a stream.

Promise: a stream's publication, slot, subscription, temporary role and marker table all bear its one
name, which begins with ``bascule_``, fits every kind of object (63 characters of a-z, 0-9 and _), and is
the same whoever computes it and whenever; no other tenant, database or direction has it.
"""

import re
from hashlib import sha256

from migrate.transfer.contract import Task

SCHEMA = "bascule"
"""All that Bascule puts *into* a database lies in this schema."""
PREFIX = "bascule_"
_LONGEST = 63
_NUMBER_DIGITS = 3


def stem(task: Task) -> str:
    """
    What the names of all streams out of ``task.source`` begin with; `task.turned` has another one.

    The direction is told by where its publisher is, since that stays whoever turns the move how often.
    """
    end = task.source.endpoint
    exact = "\n".join((task.tenant, task.name, end.host, str(end.port), end.dbname))
    digest = sha256(exact.encode()).hexdigest()[:10]
    readable = "_".join(filter(None, (_plain(task.tenant), _plain(task.name))))
    room = _LONGEST - len(PREFIX) - len(digest) - 2 - _NUMBER_DIGITS
    return f"{PREFIX}{readable[:room]}_{digest}_"


def stream_name(task: Task, number: int = 1) -> str:
    """The name of one stream; there are several where a base copy had to go on under a second snapshot."""
    if not 0 < number < 10**_NUMBER_DIGITS:
        raise ValueError(f"stream {number}: streams are numbered from 1 to {10**_NUMBER_DIGITS - 1}")
    return f"{stem(task)}{number}"


def ca_file(name: str) -> str:
    """The file in the subscriber's data directory that a stream's publisher is checked by."""
    return f"bascule-{sha256(name.encode()).hexdigest()[:16]}.pem"


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
