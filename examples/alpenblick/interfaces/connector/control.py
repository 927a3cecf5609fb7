"""
The control command: what docs/interfaces.md asks of a connector.

Promise: works whether the connector runs or not, since all it changes is on disk; an answered hold
means that nothing is in flight; secrets come on stdin and are never printed.
"""

import argparse
import json
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NoReturn

from .config import Config, ConnectorError
from .delivery import NotDelivered, delivery_to
from .outbox import Outbox

LINE_SECONDS = 20.0
"""How long a verb waits for the message in flight; the protocol allows 30 seconds."""

_SHOWN = ("kind", "url", "host", "port", "user", "inbox")
_NEEDED = {"https": ("url", "token", "ca"), "sftp": ("host", "port", "user", "known_hosts", "inbox")}


def status(config: Config, outbox: Outbox) -> dict[str, Any]:
    """Return what the protocol calls *status*; the destination without its secrets."""
    destination = {key: value for key, value in outbox.destination.items() if key in _SHOWN}
    return {
        "name": config.name,
        "kind": config.kind,
        "mode": outbox.mode,
        "destination": destination or {"kind": config.kind},
        **outbox.counts(),
    }


def hold(config: Config, outbox: Outbox) -> dict[str, Any]:
    """Stop transmitting; return once nothing is in flight."""
    before = outbox.mode
    outbox.set_mode("held")
    try:
        with config.line(LINE_SECONDS):  # whoever sends has it; the next one sees the mode
            _settle(config, outbox)
            return status(config, outbox)
    except ConnectorError:
        outbox.set_mode(before)  # a verb that failed has changed nothing
        raise


def repoint(config: Config, outbox: Outbox, *, back: bool) -> dict[str, Any]:
    """Change where messages go; only while held."""
    with config.line(LINE_SECONDS):
        if not outbox.is_held():
            raise ConnectorError("hold first: a connector that transmits is not repointed")
        if back:
            outbox.point_back()
            return status(config, outbox)
        destination = _from_stdin()
        missing = [key for key in _NEEDED[config.kind] if not destination.get(key)]
        if destination.get("kind") != config.kind or missing:
            raise ConnectorError(
                f"not a destination of kind {config.kind}; lacks {', '.join(missing) or 'kind'}"
            )
        outbox.point_to(destination)
        return status(config, outbox)


def probe(config: Config, outbox: Outbox) -> dict[str, Any]:
    """Send a test message to the present destination; a failure is an answer, too."""
    verification = _from_stdin()
    try:
        with closing(delivery_to(config, outbox.destination)) as delivery:
            return {"ok": True, "detail": delivery.probe(verification)}
    except (NotDelivered, KeyError) as error:
        return {"ok": False, "detail": str(error)}


def received(config: Config, outbox: Outbox) -> dict[str, Any]:
    """Ask the present destination what it has."""
    try:
        with closing(delivery_to(config, outbox.destination)) as delivery:
            return dict(delivery.received())
    except (NotDelivered, ValueError, KeyError, OSError) as error:
        raise ConnectorError(f"the destination does not say what it has: {error}") from error


def _settle(config: Config, outbox: Outbox) -> None:
    """Count what the receiver has as delivered: a connector that was killed may not know of the last one."""
    # A receiver that cannot be asked leaves a message that will be sent again, and known by its number.
    with suppress(ConnectorError):
        outbox.acknowledge_up_to(received(config, outbox)["last_sequence"])


def _from_stdin() -> dict[str, Any]:
    try:
        content = json.load(sys.stdin)
    except ValueError as error:
        raise ConnectorError("stdin holds no JSON") from error
    if not isinstance(content, dict):
        raise ConnectorError("stdin holds no JSON object")
    return content


def _fail(why: str) -> NoReturn:
    print(why, file=sys.stderr)
    sys.exit(1)


def main(folder: Path | None = None) -> None:
    """Do one verb on the connector in `folder`, else in the one that the first word names."""
    parser = argparse.ArgumentParser(description="Drive a connector; see docs/interfaces.md.")
    if folder is None:
        parser.add_argument("folder", type=Path)
    parser.add_argument("verb", choices=("status", "hold", "release", "repoint", "probe", "received"))
    parser.add_argument("--back", action="store_true", help="with repoint: where messages went before")
    words = parser.parse_args()
    try:
        config = Config.read((folder or words.folder).resolve())
        with closing(Outbox(config.folder)) as outbox:
            match words.verb:
                case "hold":
                    answer = hold(config, outbox)
                case "release":
                    outbox.set_mode("transmitting")
                    answer = status(config, outbox)
                case "repoint":
                    answer = repoint(config, outbox, back=words.back)
                case "probe":
                    answer = probe(config, outbox)
                case "received":
                    answer = received(config, outbox)
                case _:
                    answer = status(config, outbox)
    except ConnectorError as error:
        _fail(str(error))
    print(json.dumps(answer, ensure_ascii=False))
