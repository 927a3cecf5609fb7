"""
When a login ends: the password of a database's account that is good until some moment only.

Promise: counted by the server's own clock, which alone decides whether it lets somebody in.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from migrate.errors import Refused


@dataclass(frozen=True)
class Expiry:
    """The password of `user` is no longer taken after `seconds`; negative since it expired."""

    database: str
    """As messages call it, such as ``besa on server``."""
    user: str
    seconds: float
    remedy: str
    """What an administrator types on that server."""

    def is_before(self, moment: datetime) -> bool:
        """Whether it ends before a moment, which is counted by this machine's clock."""
        return self.expires_at < moment

    @property
    def expires_at(self) -> datetime:
        """By this machine's clock."""
        return datetime.now(UTC) + timedelta(seconds=self.seconds)

    def __str__(self) -> str:
        return f"{self.database}: the password of {self.user} expires at {self.expires_at:%Y-%m-%d %H:%M} UTC"


def before(found: Iterable[Expiry | None], moment: datetime) -> list[Expiry]:
    """Return those that end before a moment."""
    return [one for one in found if one is not None and one.is_before(moment)]


def require_until(found: Sequence[Expiry | None], moment: datetime, what: str, *, again: str) -> None:
    """
    Refuse to begin what could not be brought to its end, or taken back: both log in.

    Args:
        what: What ends at `moment`, such as ``the window closes``.
        again: The command that begins it.

    Raises:
        Refused: A password expires before `moment`; names each, with the statement that lengthens it.
    """
    if ends := before(found, moment):
        listed = "\n".join(f"  {one}" for one in ends)
        at = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        raise Refused(
            f"a password does not last until {what} at {at}:\n{listed}",
            state="Nothing began: no interface was held, nothing was frozen.",
            next_step=f"{'; '.join(one.remedy for one in ends)}; then {again}",
        )
