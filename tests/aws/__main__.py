"""
A trial in a real AWS account: `up`, verify and `destroy`, in the account and region that a file pins.

    python -m tests.aws

Promise: exit status 0 only when all of it was done there; 1 when something failed or was refused; 77, and
nothing counts as passed, when no credentials are in the environment.
"""

import os
import shutil
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from provisioning.engine import PLATFORM
from provisioning.errors import BasculeError, SiteError
from provisioning.pinned import Pinned, session_in
from provisioning.quotas import room_for_a_platform
from tests.aws.account import FILE, has_credentials, load_account

CHECKOUT = Path(__file__).resolve().parents[2]
NOT_RUN = 77
"""As test harnesses have it for what could not be run."""


def main(checkout: Path = CHECKOUT) -> int:
    """Return the exit status."""
    if not has_credentials(os.environ):
        print(
            "no AWS credentials are in the environment: nothing was run, and nothing counts as passed\n"
            f"Next: take those of the account that {FILE} pins into the environment (docs/aws.md)"
        )
        return NOT_RUN
    try:
        _try(checkout)
    except (BasculeError, ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return 1
    print("stood up, verified and destroyed")
    return 0


def _try(checkout: Path) -> None:
    account = load_account(checkout)
    missing = [name for name in ("aws", "session-manager-plugin") if shutil.which(name) is None]
    if missing:
        raise SiteError(f"{' and '.join(missing)} must be on PATH: a host is reached by Session Manager")
    session = session_in(account.region)
    Pinned(f"{PLATFORM}-test", account.account, account.region).refuse_others(session)
    room = room_for_a_platform(session)
    if not room.is_enough:
        raise SiteError(f"account {account.account} has no room for a platform: {room}")
    from tests.aws.trial import Trial, site_answers, trial_workspace

    workspace = trial_workspace(checkout / ".state" / "aws-trial", account)
    print(f"a trial in account {account.account}, {account.region}; its state is in {workspace.root}")
    Trial(workspace, account, session, site_answers).run()


if __name__ == "__main__":
    sys.exit(main())
