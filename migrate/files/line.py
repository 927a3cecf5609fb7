"""
The line between both hosts of a tree: a temporary SSH server that sends, and the one key that may ask it.

Promise: nothing of the customer's SSH set-up is changed. The server knows one key, the key one server, and
all it can do is read this tree; both are made for the line and gone when it is closed. Data never pass
through the operator's machine.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files as package_files
from shlex import quote

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from migrate import remote
from migrate.errors import MigrationError, TransferError
from migrate.files.tree import Side, Tree

SENDER_HOURS = 12
"""A sender that everybody forgot ends by itself."""

_SENDER = """
set -- $SSH_CONNECTION
umask 077
mkdir -p /run/sshd 2>/dev/null
cat > config <<END
ListenAddress $3:{port}
HostKey $(pwd)/host_key
AuthorizedKeysFile $(pwd)/authorized_keys
PidFile $(pwd)/listening
ForceCommand exec sh $(pwd)/sender
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PermitTTY no
DisableForwarding yes
MaxStartups 20
SetEnv SHLVL=2
END
sshd=$(command -v sshd || echo /usr/sbin/sshd)
# So bash leaves out the user's start-up files, which take time and say things. From OpenSSH 7.8 on.
"$sshd" -t -f "$(pwd)/config" 2>/dev/null || sed -i '/^SetEnv/d' config
exec timeout --foreground {hours}h "$sshd" -D -e -f "$(pwd)/config"
"""

# The first cipher is the fastest by far where the processor helps, as nearly all do.
_CONFIG = """Host sender
  HostName {address}
  Port {port}
  User {user}
  IdentityFile key
  IdentitiesOnly yes
  UserKnownHostsFile known_hosts
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
  BatchMode yes
  LogLevel ERROR
  ConnectTimeout 10
  ServerAliveInterval 10
  Ciphers aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes256-ctr
  ControlMaster auto
  ControlPath line
  ControlPersist 900
"""

# What the last pass runs: all of it is settled while there is time.
_GO = """act=$1
shift
sh {line}/pass "$act" {words} "$@"
status=$?
cat {line}/not-kept
exit $status
"""

_FACTS = """
mkdir -p {made} && (cd {folder} && pwd) || exit 1
pwd; id -un; id -u; date +%s; rsync --version | tr '\\n' ' '
"""


@dataclass(frozen=True)
class End:
    """What has to be known of one side."""

    folder: str
    """Absolute, like `home`."""
    home: str
    """The login folder."""
    user: str
    is_root: bool
    seconds: int
    """Since 1970, by the host's own clock."""
    rsync: str
    """What it says of itself."""


@dataclass(frozen=True)
class Keeping:
    """How attributes are kept between two ends."""

    options: tuple[str, ...]
    """For rsync."""
    with_owners: bool
    not_kept: tuple[str, ...]


@dataclass(frozen=True)
class Ends:
    """Both sides, looked at."""

    sends: End
    receives: End

    @property
    def keeping(self) -> Keeping:
        """What both rsyncs and the receiver's rights allow to keep; what not, said with the reason."""
        return _keeping(self.sends, self.receives)


def look_at(tree: Tree) -> Ends:
    """
    Look at both sides; the receiving folder is made where it is missing.

    Raises:
        TransferError: There is no such tree, or no rsync on a host.
    """
    with ThreadPoolExecutor(2) as readers:
        ahead = readers.submit(_end, tree.sends)
        receives = _end(tree.receives, make=True)
        return Ends(ahead.result(), receives)


def _end(side: Side, *, make: bool = False) -> End:
    folder = quote(side.folder)
    script = _FACTS.format(folder=folder, made=folder if make else ".")
    said = remote.run(side.host, script, raising=TransferError, doing=f"looking at {side.folder}").text
    where, home, user, number, seconds, *rsync = said.split("\n")
    if not rsync or not rsync[0].strip():
        raise TransferError(
            f"{side.host.host} has no rsync", state="Nothing was copied.", next_step="install rsync there"
        )
    return End(where, home, user, number == "0", int(seconds), rsync[0])


def _keeping(sends: End, receives: End) -> Keeping:
    options: list[str] = []
    lost: list[str] = []
    for letter, word, what in (
        ("-A", "ACLs", "access control lists"),
        ("-X", "xattrs", "extended attributes"),
    ):
        if all(re.search(rf"(?<!no ){word}\b", end.rsync) for end in (sends, receives)):
            options.append(letter)
        else:
            lost.append(f"{what}: rsync on one of the hosts was built without them")
    if receives.is_root:
        options.append("--numeric-ids")
    else:
        lost.append(
            f"owners: {receives.user} may not give files away; groups only that {receives.user} is in"
        )
        lost.append("extended attributes that only root may set")
    return Keeping(tuple(options), receives.is_root, tuple(lost))


def start_sender(
    tree: Tree, attempt: str, ends: Ends, *, lists: Mapping[str, bytes] | None = None, port: int | None = None
) -> dict[str, bytes]:
    """
    Start the sender, in the place of one that runs.

    Args:
        lists: Lists of names that rsync may ask for by their own names: ``part-0``, ``large-0``.
        port: Of the sender; by default a free one.

    Returns:
        The files that the receiver needs to reach it, the key among them.

    Raises:
        TransferError: The sender does not listen.
    """
    key, host_key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    contents = {
        "host_key": _private(host_key),
        "authorized_keys": f"restrict {_public(key)}\n".encode(),
        "sender": script("sender"),
        "ledger": script("ledger"),
        "tree": ends.sends.folder.encode(),
        "state": f"{ends.sends.home}/{tree.ledger}".encode(),
        **(lists or {}),
    }
    chosen = _listening(tree, attempt, contents, tree.port or port)
    address = tree.sends.address
    return {
        "config": _CONFIG.format(address=address, port=chosen, user=ends.sends.user).encode(),
        "key": _private(key),
        "known_hosts": f"[{address}]:{chosen} {_public(host_key)}\n".encode(),
        "rsh": script("rsh"),
    }


def open_line(tree: Tree, attempt: str, ends: Ends, *, port: int | None = None) -> None:
    """
    Start the sender and lay down all that a pass needs on the receiving host; an open line is replaced.

    Raises:
        TransferError: The sender does not listen.
    """
    contents = start_sender(tree, attempt, ends, port=port)
    home, keep = ends.receives.home, ends.keeping
    line, owners = f"{home}/{tree.line}", "owners" if keep.with_owners else "no-owners"
    words = (line, f"{home}/{tree.ledger}", ends.receives.folder, owners, *keep.options)
    contents |= {
        "go": _GO.format(line=quote(line), words=" ".join(map(quote, words))).encode(),
        "not-kept": "".join(f"! {one}\n" for one in keep.not_kept).encode(),
        "pass": script("pass"),
        "ledger": script("ledger"),
    }
    remote.write_folder(tree.receives.host, tree.line, contents, doing=f"opening the line of {tree.name}")


def close_line(tree: Tree, *, and_remove: str = "") -> None:
    """
    End the sender, and remove the key and all else of the line; also one that is not open.

    Args:
        and_remove: Another folder of the receiving host, below its login folder.
    """
    tree.sender.discard()
    folder = quote(tree.line)
    hang_up = f"[ ! -e {folder}/line ] || (cd {folder} && ssh -F config -O exit sender 2>/dev/null)"
    remote.run(
        tree.receives.host,
        f"{hang_up}; rm -rf {folder} {quote(and_remove) if and_remove else ''}",
        timeout_seconds=600,
        doing=f"closing the line of {tree.name}",
    )


def script(name: str) -> bytes:
    """One of the shell scripts of this package."""
    return (package_files("migrate.files") / f"{name}.sh").read_bytes()


def said_by(errors: str, *, tolerated: Sequence[str]) -> list[str]:
    """Return the lines of rsync's and ssh's stderr that do not match any of these patterns."""
    return [
        line
        for line in errors.splitlines()
        if line.strip() and not any(re.search(pattern, line) for pattern in tolerated)
    ]


def _listening(tree: Tree, attempt: str, contents: Mapping[str, bytes], port: int | None) -> int:
    said = ""
    for _ in range(1 if port else 5):
        chosen = port or 20000 + secrets.randbelow(12000)
        program = _SENDER.format(port=chosen, hours=SENDER_HOURS)
        try:
            tree.sender.start(spec=attempt, script=program, files=contents)
        except MigrationError:
            # There is one already, of an earlier pass; anything else fails again.
            tree.sender.discard()
            tree.sender.start(spec=attempt, script=program, files=contents)
        ready = (
            "n=0; while [ $n -lt 50 ] && ! [ -s listening ]; do sleep 0.1; n=$((n + 1)); done; cat listening"
        )
        seen = tree.sender.look(measure=f"{ready} 2>/dev/null || tail -n 3 err")
        if seen.state == "running" and seen.measured.strip().isdigit():
            return chosen
        said = seen.measured.strip()
    raise TransferError(
        f"{tree.sends.host.host}: the temporary sender of {tree.name} does not listen: {said}",
        state="Nothing was copied.",
        next_step="is sshd installed there, and the playbook's sender_port free?",
    )


def _private(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )


def _public(key: Ed25519PrivateKey) -> str:
    encoding, form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return key.public_key().public_bytes(encoding, form).decode()
