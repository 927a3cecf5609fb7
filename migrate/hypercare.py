"""
Hypercare: a site followed day by day after it opened, until its exit criteria hold.

Promise: each figure of a day is measured or comes from the journal: incidents as they were recorded, errors
as the site's own web server logged them, the go-live suite as it ran that day. What could not be read is no
good figure.
"""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

from migrate import remote, verify
from migrate.case import Case
from migrate.connections import Hosts
from migrate.errors import EvidenceError, MigrationError, Refused
from migrate.stop import Stop
from provisioning.manifest_operations import Hypercare
from provisioning.model import Model

RECORD = "incident"
"""The journal's kind of record: about an incident, with ``state`` (open or closed) and ``says``."""
ACCESS_LOG = "log/access.log"
"""Of the site's web server, below its host's login folder: address [time] "request" status bytes seconds."""
_COUNT = r"""
test -r {log} || exit 3
awk -v day={day} 'index($2, "[" day) == 1 && $0 !~ /"[A-Z]+ \/\.bascule\// {{
    split($0, quoted, "\""); split(quoted[3], rest, " ")
    requests++; if (rest[1] >= 500 && rest[1] != 503) errors++
}} END {{ print requests + 0, errors + 0 }}' {log}
"""


class Incident(Model):
    """Something that somebody reported."""

    id: str
    says: str
    opened_on: date
    is_open: bool


class Day(Model):
    """One day of the hypercare."""

    day: date
    open_incidents: tuple[str, ...]
    requests: int
    errors: int
    verified: bool
    """Whether the go-live suite passed on this day, against the open site."""
    verification: str

    @property
    def errors_per_thousand(self) -> int:
        """Rounded up, so that a single error is never none."""
        return -(-self.errors * 1000 // self.requests) if self.requests else 0


class Followed(Model):
    """Evidence ``hypercare``: a status each day on which somebody looked, the last of a day."""

    opened_on: date
    days: tuple[Day, ...]


def report(case: Case, says: str) -> str:
    """Record an incident, and return its id."""
    if not says.strip() or len(says) > 500:
        raise Refused("an incident is told in a line of at most 500 characters")
    ident = f"i-{uuid4().hex[:8]}"
    case.journal.append(RECORD, ident, state="open", says=" ".join(says.split()))
    return ident


def close(case: Case, ident: str, says: str) -> None:
    """
    Record that an incident is over.

    Raises:
        Refused: There is none of that name that is open.
    """
    if ident not in {one.id for one in incidents(case) if one.is_open}:
        raise Refused(f"no open incident {ident}", next_step="fab incident --tenant … lists them")
    case.journal.append(RECORD, ident, state="closed", says=" ".join(says.split()))


def incidents(case: Case) -> list[Incident]:
    """Return every incident, in the order in which they were reported."""
    found: dict[str, Incident] = {}
    for record in case.journal:
        if record.kind != RECORD:
            continue
        if record.data["state"] == "open":
            found[record.about] = Incident(
                id=record.about, says=record.data["says"], opened_on=record.at.date(), is_open=True
            )
        else:
            found[record.about] = found[record.about].model_copy(update={"is_open": False})
    return list(found.values())


def look(case: Case, hosts: Hosts, now: datetime) -> Followed:
    """Measure today's status, and keep it beside those of the days before."""
    zone = case.manifest.window.zone
    opened_on = case.read_evidence("stop", Stop).opened_at.astimezone(zone).date()
    try:
        before = case.read_evidence("hypercare", Followed).days
    except EvidenceError:
        before = ()
    today = now.astimezone(zone).date()
    requests, errors = _requests(hosts, now)
    golive = verify.verify(case, "prod")
    day = Day(
        day=today,
        open_incidents=tuple(f"{one.id}: {one.says}" for one in incidents(case) if one.is_open),
        requests=requests,
        errors=errors,
        verified=golive.passed,
        verification=golive.fault or golive.summary,
    )
    followed = Followed(opened_on=opened_on, days=(*(one for one in before if one.day != today), day))
    case.write_evidence("hypercare", followed)
    return followed


def _requests(hosts: Hosts, now: datetime) -> tuple[int, int]:
    """Requests of users on this day of the web server's clock, and those that it answered with an error."""
    script = _COUNT.format(log=ACCESS_LOG, day=f"{now.astimezone(UTC):%F}")
    done = remote.attempt(hosts.target(), script)
    if done.status != 0:
        raise MigrationError(
            f"the site's access log cannot be read: {done.errors or ACCESS_LOG}",
            state="The site is open; nothing was changed.",
            next_step="fab drift, which tells whether the site's web server is as declared",
        )
    requests, errors = done.text.split()
    return int(requests), int(errors)


def lacks(followed: Followed, wanted: Hypercare, *, length_waived: bool = False) -> list[str]:
    """Return what the exit criteria still lack on the last day that was looked at; empty when all hold."""
    last, found = followed.days[-1], []
    until = followed.opened_on + timedelta(days=wanted.days)
    if last.day < until and not length_waived:
        found.append(f"it lasts until {until:%F}")
    if len(last.open_incidents) > wanted.open_incidents_at_most:
        found.append(f"{len(last.open_incidents)} incidents are open: {'; '.join(last.open_incidents)}")
    if last.errors_per_thousand > wanted.errors_per_thousand_at_most:
        found.append(f"{last.errors} of {last.requests} requests failed on {last.day:%F}")
    if not last.verified:
        found.append(f"the go-live suite does not pass any more: {last.verification}")
    return found
