"""
The system user that the local substrate's servers run as, where set-up runs as root.

Promise: nobody can log in as it by password; an account of that name that is set up differently is
left alone and told.
"""

import os
import pwd
from pathlib import Path

from scripts.commands import SetUpError, run

NAME = "bascule"
HOME = Path("/var/lib/bascule")
SHELL = "/bin/bash"


def ensure() -> str | None:
    """
    Make the user if set-up runs as root and there is none; return what was done.

    Raises:
        SetUpError: There is one of that name that is not ours.
    """
    if os.geteuid() != 0:
        return None
    done = None
    try:
        user = pwd.getpwnam(NAME)
    except KeyError:
        run(
            f"making the system user {NAME}",
            ["useradd", "--system", "--user-group", "--home-dir", HOME, "--shell", SHELL, NAME],
        )
        # "*" admits no password and yet is not the "!" that makes sshd take the account for locked.
        run(f"setting up the system user {NAME}", ["usermod", "--password", "*", NAME])
        user = pwd.getpwnam(NAME)
        done = f"{NAME} made"
    if (user.pw_dir, user.pw_shell) != (str(HOME), SHELL):
        raise SetUpError(
            f"the user {NAME} of this machine has home {user.pw_dir} and shell {user.pw_shell}",
            next_step=f"usermod --home {HOME} --shell {SHELL} {NAME}, if it is Bascule's",
        )
    if not HOME.exists():
        HOME.mkdir(mode=0o755)
        os.chown(HOME, user.pw_uid, user.pw_gid)
        done = done or f"{HOME} made"
    return done
