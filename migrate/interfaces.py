"""
Switching interfaces over: hold, convert, release, and the count that proves that nothing was lost.

Promise: either all interfaces of a tenant are held or none; each conversion is probed end to end
before anything is released; every message is accounted for, and a gap is an error or a number
greater than zero, never silence.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, ValidationError

from migrate.connections import Hosts
from migrate.connector import Connector, Received, Status
from migrate.errors import ConnectionFailed, InterfaceError
from migrate.waiting import wait_until
from migrate.web import ask
from provisioning.manifest import Interface
from provisioning.model import Model
from provisioning.site import SiteOutputs

SETTLE_SECONDS = 30.0
"""How long the legacy system may take to store what was delivered before the hold."""
AT_ONCE = 8
"""How many interfaces are converted side by side."""
DRAIN_SECONDS = 120.0
"""How long a buffer may take to drain after the release."""


class Count(Model):
    """A connector's own numbers at one moment."""

    accepted: int
    delivered: int
    waiting: int
    last_sequence: int
    at: AwareDatetime

    @classmethod
    def of(cls, status: Status) -> "Count":
        return cls(
            accepted=status.accepted,
            delivered=status.delivered,
            waiting=status.waiting,
            last_sequence=status.last_sequence,
            at=datetime.now(UTC),
        )


class InterfaceCount(Model):
    """One interface through the move; what has not happened yet is None."""

    name: str
    kind: Literal["https", "sftp"]
    at_hold: Count
    legacy_had: Received | None = None
    """What legacy had stored at the hold; None when it cannot be asked."""
    probe: str | None = None
    """What came of the probe after the conversion."""
    site_had: Received | None = None
    """What the site had stored before the release: it came with the database."""
    at_release: Count | None = None
    after_drain: Count | None = None
    arrived: Received | None = None
    """What the receiving side had stored after the drain."""
    lost: int | None = None
    duplicates: int | None = None
    in_order: bool | None = None


class Interfaces(Model):
    """The interfaces of one tenant in one attempt: evidence ``interfaces``."""

    attempt: str
    direction: Literal["site", "legacy"] = "site"
    """Where the buffers drained to: the site, or legacy after a fallback."""
    interfaces: tuple[InterfaceCount, ...]

    @property
    def lost(self) -> int:
        """Messages that some connector delivered and the receiving side does not have."""
        return sum(one.lost or 0 for one in self.interfaces)

    @property
    def duplicates(self) -> int:
        """Messages that the receiving side stored more than once."""
        return sum(one.duplicates or 0 for one in self.interfaces)

    def of(self, name: str) -> InterfaceCount:
        """Return one interface's counts."""
        return next(one for one in self.interfaces if one.name == name)


def connectors(hosts: Hosts) -> list[Connector]:
    """Return the connector of every interface in the manifest, connected."""
    return [Connector(hosts.legacy(interface.host), interface) for interface in hosts.manifest.interfaces]


def hold_all(every: Sequence[Connector], site: SiteOutputs | None = None) -> list[InterfaceCount]:
    """
    Stop all interfaces from transmitting, and wait until the receiving side has stored what they delivered.

    Args:
        site: The receiving side; None is the legacy system.

    Raises:
        InterfaceError: One could not be held or not all of it was stored in time; those that were held
            have been released again.
    """
    held: list[Connector] = []
    try:
        for connector in every:
            # Before it is known to have worked: an answer that is lost on the way may hide a hold.
            held.append(connector)
            connector.hold()
        return [_settled(connector, site) for connector in every]
    except InterfaceError as error:
        stuck = _release_quietly(held)
        error.state = (
            f"Still held: {', '.join(stuck)}. " if stuck else "All interfaces transmit again. "
        ) + "Nothing else was touched."
        raise


def release_all(every: Sequence[Connector]) -> None:
    """
    Let all interfaces transmit again; every one is tried.

    Raises:
        InterfaceError: Some could not be released; names them all.
    """
    if stuck := _release_quietly(every):
        raise InterfaceError(
            f"could not be released: {', '.join(stuck)}",
            state="They go on buffering; nothing is lost while they have room.",
            next_step="mend the connector, then repeat the command",
        )


def convert(connector: Connector, site: SiteOutputs, count: InterfaceCount) -> InterfaceCount:
    """
    Point one held interface at `site` and prove the way there end to end.

    Raises:
        InterfaceError: It is not held, the probe did not arrive, or the site would not go on counting
            where legacy stopped.
    """
    if connector.status().mode != "held":
        raise InterfaceError(
            f"interface {connector.name} transmits, although it was held; somebody released it",
            state="It was not repointed.",
            next_step=f"on {connector.interface.host}: {connector.interface.control} hold",
        )
    status = connector.repoint(site)
    detail = connector.probe(site)
    site_had = stored_on(site, connector.interface)
    if site_had.last_sequence != status.delivered:
        raise InterfaceError(
            f"interface {connector.name}: {status.delivered} messages were delivered to legacy, yet the"
            f" site goes on after {site_had.last_sequence}",
            state="What was delivered last did not come with the database.",
            next_step="fab run: after a fallback it begins with a new hold",
        )
    return count.model_copy(update={"probe": detail, "site_had": site_had})


def convert_all(every: Sequence[Connector], site: SiteOutputs, so_far: Interfaces) -> list[InterfaceCount]:
    """
    Convert all held interfaces side by side, since users wait meanwhile; every one is tried.

    Raises:
        InterfaceError: As `convert`, for the first that could not be; the others may be converted.
    """
    if not every:
        return []
    with ThreadPoolExecutor(min(len(every), AT_ONCE)) as at_once:
        begun = [at_once.submit(convert, one, site, so_far.of(one.name)) for one in every]
    return [one.result() for one in begun]


def count_before_release(connector: Connector, site: SiteOutputs, count: InterfaceCount) -> InterfaceCount:
    """
    Count what waits in one converted interface; one that transmits already keeps its count.

    Raises:
        InterfaceError: It does not point at `site`.
    """
    status = connector.status()
    if not connector.delivers_to(site, status):
        raise InterfaceError(
            f"interface {connector.name} does not point at {site.url}, so it is not released",
            state="It goes on buffering; nothing is lost while it has room.",
            next_step=f"on {connector.interface.host}: {connector.interface.control} status",
        )
    if status.mode == "held":
        return count.model_copy(update={"at_release": Count.of(status)})
    return count


def put_back(connector: Connector) -> None:
    """Point one interface at where it delivered before; it stays held. Nothing to do when never converted."""
    connector.hold()
    connector.repoint_back()


def drain(connector: Connector, *, deadline_seconds: float = DRAIN_SECONDS) -> Status:
    """Wait until the buffer is empty and return the last status; the caller looks whether it is."""
    last: list[Status] = []

    def empty() -> bool:
        last[:] = [connector.status()]
        return last[0].waiting == 0

    wait_until(empty, deadline_seconds=deadline_seconds)
    return last[0]


def account(connector: Connector, count: InterfaceCount, site: SiteOutputs | None) -> InterfaceCount:
    """
    Compare what `connector` delivered with what the receiving side has, while messages go on flowing.

    Args:
        site: The receiving side; None is the legacy system, after a fallback.
    """
    arrived: list[Received | None] = [None]
    before = drained = drain(connector)

    def all_stored() -> bool:
        arrived[0] = connector.received() if site is None else stored_on(site, connector.interface)
        return arrived[0] is None or arrived[0].received >= before.delivered

    # Over SFTP a message is delivered before it is stored: the application takes the file up a little later.
    wait_until(all_stored, deadline_seconds=SETTLE_SECONDS)
    after, found = connector.status(), arrived[0]
    numbers = {"after_drain": Count.of(drained)}
    if found is None:
        return count.model_copy(update=numbers)
    lost, duplicates, in_order = reconcile(before, found, after)
    return count.model_copy(
        update={**numbers, "arrived": found, "lost": lost, "duplicates": duplicates, "in_order": in_order}
    )


def reconcile(before: Status, found: Received, after: Status) -> tuple[int, int, bool]:
    """
    Tell how many messages were lost, how many stored twice, and whether order was kept.

    Args:
        before: The connector, read before the receiving side.
        found: The receiving side.
        after: The connector, read after it. Messages flow meanwhile, so only these two bounds hold:
            all that was delivered before must be there, nothing beyond what was accepted after may be.

    Source: a receiver that stores by (interface, number) and refuses a gap has as many messages as
    its highest number; more means doubles, fewer means holes.
    """
    holes = max(0, found.last_sequence - found.received)
    lost = max(0, before.delivered - found.received, holes)
    doubles = max(0, found.received - found.last_sequence)
    foreign = max(0, found.last_sequence - after.last_sequence)
    return lost, max(doubles, foreign), found.received == found.last_sequence and not foreign


def stored_on(site: SiteOutputs, interface: Interface) -> Received:
    """
    Ask the site's application what it has of one interface, whatever the door's state.

    Raises:
        InterfaceError: It does not say.
        ConnectionFailed: No answer.
    """
    answer = ask(site, f"/interfaces/{interface.name}/state", verified=True, interface=True)
    if answer.status != 200:
        raise InterfaceError(
            f"the site answered {answer.status} when asked what it has of interface {interface.name}",
            next_step=f"fab verify --tenant {site.tenant} --environment {site.environment}",
        )
    try:
        return Received.model_validate_json(answer.body)
    except ValidationError:
        raise InterfaceError(
            f"the site's answer to what it has of interface {interface.name} breaks the protocol",
            next_step="make the application answer as docs/interfaces.md says",
        ) from None


def _settled(connector: Connector, site: SiteOutputs | None) -> InterfaceCount:
    """Count a held interface once the receiving side has stored all that it delivered."""
    status = connector.hold()
    had: list[Received | None] = [None]

    def stored() -> bool:
        had[0] = connector.received() if site is None else stored_on(site, connector.interface)
        return had[0] is None or had[0].last_sequence >= status.delivered

    if not wait_until(stored, deadline_seconds=SETTLE_SECONDS):
        found, where = had[0].last_sequence if had[0] else 0, "the site" if site else "legacy"
        raise InterfaceError(
            f"interface {connector.name}: {status.delivered} messages were delivered, yet {where} has stored"
            f" {found} of them after {SETTLE_SECONDS:.0f} s",
            next_step=f"see on {where} why it does not take them up, then fab run",
        )
    return InterfaceCount(
        name=connector.name, kind=connector.interface.kind, at_hold=Count.of(status), legacy_had=had[0]
    )


def _release_quietly(every: Sequence[Connector]) -> list[str]:
    """Try to release each; return the names of those that could not be."""
    stuck = {connector.name for connector in every}
    for connector in every:
        with suppress(InterfaceError, ConnectionFailed):
            connector.release()
            stuck.discard(connector.name)
    return sorted(stuck)
