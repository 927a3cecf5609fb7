"""
Moving trees of files onto a site: parallel rsync, run on the site's host, pulling from legacy.

Promise: the copy ends with a pass that compares every file by checksum and removes what legacy does
not have; modes, times, links and odd names are kept. Nothing of the customer's SSH set-up is changed:
a temporary SSH server with a key of its own sends that one tree, read-only, to a temporary key, and
both are gone afterwards. Data never pass through the operator's machine.

Source: two rsyncs over size-balanced lists reached the speed of a local copy; one took a third longer.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files as package_files
from shlex import quote
from time import monotonic

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fabric import Connection
from pydantic import BaseModel, ConfigDict

from migrate import remote
from migrate.connections import Hosts
from migrate.errors import TransferError
from migrate.remote_jobs import Job
from migrate.step import Progress
from migrate.transfer.tools import require_success
from provisioning.manifest import Environment, LegacyFiles

WORKERS = 2
FILE_COST_BYTES = 16 * 1024
"""What making one file costs, as bytes: many small files weigh as much as a large one."""
HEADROOM_BYTES = 64 * 1024 * 1024
SENDER_HOURS = 12
"""A sender that everybody forgot ends by itself."""

_LIST = r"find . -mindepth 1 \( -type f -o -type l \) -printf '%s\0%P\0'"
_ODD = r"find . -mindepth 1 ! -type f ! -type l ! -type d -print -quit"

_SENDER = """
set -- $SSH_CONNECTION
umask 077
mkdir -p /run/sshd 2>/dev/null
cat > config <<END
ListenAddress $3:{port}
HostKey $(pwd)/host_key
AuthorizedKeysFile $(pwd)/authorized_keys
PidFile $(pwd)/listening
ForceCommand exec sh $(pwd)/sender {tree}
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PermitTTY no
DisableForwarding yes
MaxStartups 20
END
sshd=$(command -v sshd || echo /usr/sbin/sshd)
exec timeout --foreground {hours}h "$sshd" -D -e -f "$(pwd)/config"
"""

_PULL = """
umask 077
rsh="ssh -F none -i $(pwd)/key -p {port} -o UserKnownHostsFile=$(pwd)/known_hosts -o IdentitiesOnly=yes"
rsh="$rsh -o StrictHostKeyChecking=yes -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=10"
from={source}:./
into={into}
mkdir -p "$into" || exit 1
pids= status=0
for list in list-*; do
    rsync -lptgoW --from0 --files-from="$list" --no-implied-dirs {ids} -e "$rsh" "$from" "$into/" &
    pids="$pids $!"
done
for pid in $pids; do wait "$pid" || status=$?; done
[ $status -ne 0 ] || rsync -rlptgocW --delete {ids} -e "$rsh" "$from" "$into/" || status=$?
rm -f key
exit $status
"""


class _Evidence(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TreeCopied(_Evidence):
    """One tree that was moved."""

    name: str
    source: str
    target: str
    files: int
    """Files and links."""
    bytes: int
    seconds: float

    @property
    def bytes_per_second(self) -> float:
        return self.bytes / self.seconds if self.seconds else 0.0


class FilesCopied(_Evidence):
    """All trees of one attempt: evidence ``files``."""

    attempt: str
    trees: tuple[TreeCopied, ...]


@dataclass(frozen=True)
class Tree:
    """A tree of files on both sides. `source` is relative to legacy's login folder, `target` absolute."""

    name: str
    legacy: Connection
    address: str
    """What the site's host calls the legacy host."""
    source: str
    site: Connection
    target: str

    @property
    def pull(self) -> Job:
        """The job on the site's host that fetches it."""
        return Job(self.site, f"files-{self.name}")

    @property
    def sender(self) -> Job:
        """The job on the legacy host that sends it."""
        return Job(self.legacy, f"send-{self.name}")


def trees(hosts: Hosts, environment: Environment = "prod") -> list[Tree]:
    """The trees of a tenant. A single one becomes the site's file root; several lie in it by their names."""
    every, root = hosts.manifest.legacy.files, hosts.site(environment).files
    return [
        _tree(hosts, one, root if len(every) == 1 else f"{root}/{one.name}", environment) for one in every
    ]


def _tree(hosts: Hosts, one: LegacyFiles, target: str, environment: Environment) -> Tree:
    return Tree(
        name=one.name,
        legacy=hosts.legacy(one.host),
        address=hosts.legacy_address(one.host),
        source=one.path,
        site=hosts.target(environment),
        target=target,
    )


def copy_tree(tree: Tree, attempt: str, progress: Progress, *, port: int | None = None) -> TreeCopied:
    """
    Move one tree; a copy that this attempt began is attached to.

    Args:
        port: Of the temporary sender on the legacy host; by default a free one.

    Raises:
        TransferError: There is no such tree, too little disk, or rsync did not do all of it.
    """
    begun = monotonic()
    entries = listed(tree.legacy, tree.source)
    total = sum(size for size, _ in entries)
    seen = tree.pull.look()
    if not (seen.state in ("running", "finished") and seen.spec == attempt):
        _require_disk(tree, total)
        _start(tree, attempt, entries, port)
    progress.start(f"{tree.name}: files", total, "bytes")
    ended = tree.pull.wait(
        measure=f"du -sk {quote(tree.target)} 2>/dev/null | cut -f1",
        tell=lambda kib: progress.advance_to(min(int(kib or 0) * 1024, total)),
    )
    tree.sender.discard()
    try:
        require_success(
            f"rsync of {tree.name} from {tree.legacy.host}",
            ended,
            state="The site holds some of its files; legacy is as it was.",
            next_step="mend the cause, then fab run: it goes on with what is missing",
        )
    except TransferError:
        tree.pull.discard()
        raise
    return TreeCopied(
        name=tree.name,
        source=tree.source,
        target=tree.target,
        files=len(entries),
        bytes=total,
        seconds=round(monotonic() - begun, 3),
    )


def empty_tree(tree: Tree) -> None:
    """End what still runs on both sides, and remove what was copied; the folder itself stays."""
    tree.pull.discard()
    tree.sender.discard()
    into = quote(tree.target)
    remote.run(
        tree.site,
        f"[ ! -d {into} ] || {{ chmod -R u+rwX {into} && find {into} -mindepth 1 -delete; }}",
        timeout_seconds=3600,
        raising=TransferError,
        doing=f"emptying {tree.target}",
    )


def listed(connection: Connection, folder: str) -> list[tuple[int, bytes]]:
    """
    Return size and name of every file and link below a folder.

    Raises:
        TransferError: No such folder, or something in it that is no file, link or folder.
    """
    odd = remote.run(
        connection,
        f"cd {quote(folder)} && {_ODD}",
        timeout_seconds=600,
        raising=TransferError,
        doing=f"looking into {folder}",
    ).text
    if odd:
        raise TransferError(
            f"{connection.host}: {folder}/{odd} is neither file nor link nor folder, so it cannot move",
            state="Nothing was copied.",
            next_step="remove it there, or move the tree without it",
        )
    raw = remote.run(
        connection,
        f"cd {quote(folder)} && {_LIST}",
        timeout_seconds=600,
        raising=TransferError,
        doing=f"listing {folder}",
    ).stdout.split(b"\0")[:-1]
    return [(int(size), name) for size, name in zip(raw[::2], raw[1::2], strict=True)]


def balanced(entries: Sequence[tuple[int, bytes]], parts: int) -> list[list[bytes]]:
    """Share names out to lists of about the same weight: the largest first, each to the lightest list."""
    lists: list[list[bytes]] = [[] for _ in range(parts)]
    weights = [0] * parts
    for size, name in sorted(entries, reverse=True):
        lightest = weights.index(min(weights))
        lists[lightest].append(name)
        weights[lightest] += size + FILE_COST_BYTES
    return [names for names in lists if names]


def _start(tree: Tree, attempt: str, entries: Sequence[tuple[int, bytes]], port: int | None) -> None:
    key, host_key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    chosen = _start_sender(tree, attempt, key, host_key, port)
    user = remote.run(tree.legacy, "id -un", doing="id").text
    lists = {f"list-{n}": b"\0".join(names) for n, names in enumerate(balanced(entries, WORKERS))}
    known = f"[{tree.address}]:{chosen} {_public(host_key)}\n"
    # Owners by number, as legacy has them, where the site's user may give files away at all.
    is_root = remote.run(tree.site, "id -u", doing="id").text == "0"
    tree.pull.ensure(
        spec=attempt,
        script=_PULL.format(
            port=chosen,
            source=quote(f"{user}@{tree.address}"),
            into=quote(tree.target),
            ids="--numeric-ids" if is_root else "",
        ),
        files={"key": _private(key), "known_hosts": known.encode(), **lists},
    )


def _start_sender(
    tree: Tree, attempt: str, key: Ed25519PrivateKey, host_key: Ed25519PrivateKey, port: int | None
) -> int:
    folder = remote.run(
        tree.legacy, f"cd {quote(tree.source)} && pwd", raising=TransferError, doing="cd"
    ).text
    # Twice quoted: once for sshd's configuration, once for the shell that runs its command.
    said = ""
    for _ in range(1 if port else 5):
        chosen = port or 20000 + secrets.randbelow(12000)
        tree.sender.discard()
        tree.sender.start(
            spec=attempt,
            script=_SENDER.format(port=chosen, tree=quote(folder), hours=SENDER_HOURS),
            files={
                "host_key": _private(host_key),
                "authorized_keys": f"restrict {_public(key)}\n".encode(),
                "sender": (package_files("migrate") / "sender.sh").read_bytes(),
            },
        )
        ready = (
            "n=0; while [ $n -lt 50 ] && ! [ -s listening ]; do sleep 0.1; n=$((n + 1)); done; cat listening"
        )
        seen = tree.sender.look(measure=f"{ready} 2>/dev/null || tail -n 3 err")
        if seen.state == "running" and seen.measured.strip().isdigit():
            return chosen
        said = seen.measured.strip()
    raise TransferError(
        f"{tree.legacy.host}: the temporary sender of {tree.name} does not listen: {said}",
        state="Nothing was copied.",
        next_step="is sshd installed there, and the playbook's sender_port free?",
    )


def _require_disk(tree: Tree, total: int) -> None:
    parent = quote(tree.target)
    script = f"mkdir -p {parent} && df -PB1 {parent} | awk 'NR == 2 {{print $4}}'"
    free = int(remote.run(tree.site, script, raising=TransferError, doing="df").text)
    have = int(remote.run(tree.site, f"du -sk {parent} | cut -f1", raising=TransferError, doing="du").text)
    needed = total + HEADROOM_BYTES - have * 1024
    if free < needed:
        raise TransferError(
            f"{tree.site.host} has {free // 1024**2} MiB free, {tree.name} needs {needed // 1024**2} MiB",
            state="Nothing was copied.",
            next_step=f"free {(needed - free) // 1024**2 + 1} MiB there, then fab run",
        )


def _private(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )


def _public(key: Ed25519PrivateKey) -> str:
    encoding, form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return key.public_key().public_bytes(encoding, form).decode()
