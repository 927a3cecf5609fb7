"""
Accounts as the firm's sheet asks for them: made where they are missing, changed where they differ.

Promise: repeatable; an account that the sheet does not name is left as it is. Evidence ``accounts``.
"""

from datetime import UTC, datetime

from pydantic import AwareDatetime

from migrate.accounts import provider
from migrate.accounts.provider import Account, access_of
from migrate.accounts.sheet import read_sheet
from migrate.case import Case
from migrate.step import Progress
from provisioning.model import Model


class Accounts(Model):
    """Evidence ``accounts``."""

    made_at: AwareDatetime
    accounts: tuple[Account, ...]
    changed: int
    """How many of them were made or changed; 0 for a repeat."""


def create(case: Case, progress: Progress) -> Accounts:
    """
    Bring the provider's accounts to what the sheet says.

    Raises:
        MigrationError: The sheet has faults, or the provider refused.
    """
    access = access_of(case)
    wanted = read_sheet(case.workspace.root / access.sheet, access)
    with provider.opened(case) as there:
        changed = 0
        for one in wanted:
            if there.put(one, active=True):
                changed += 1
                progress.say(f"{one.user}: {one.role}")
        names = {one.user for one in wanted}
        found = [account for account in there.accounts() if account.user in names]
    made = Accounts(made_at=datetime.now(UTC), accounts=tuple(found), changed=changed)
    case.write_evidence("accounts", made)
    return made
