"""
A folder copied onto a host: an application's artifact, a connector.

Promise: every byte and mode of the copy is part of one digest, so a file changed on the host is
drift. The copy is swapped in whole.
"""

import hashlib
import stat
import subprocess
from pathlib import Path

from provisioning.artifact import NOT_CARRIED, opened
from provisioning.errors import SiteError
from provisioning.local.kinds.hosted import HostedInputs
from provisioning.local.operator import operator
from provisioning.local.plugin.glue import Kind, State


class FolderInputs(HostedInputs):
    source: str
    """A folder or a tar archive on this machine, absolute."""
    path: str
    """Where on the host, relative to its folder."""


def digest_of(folder: Path) -> str:
    """Return 16 hex digits that stand for the names, executable bits and content of all files."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if NOT_CARRIED & set(inner.parts) or path.is_dir():
            continue
        if path.is_symlink():
            total.update(f"{inner}\0link\0{path.readlink()}\0".encode())
            continue
        executable = bool(path.stat().st_mode & stat.S_IXUSR)
        total.update(f"{inner}\0{executable}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return total.hexdigest()[:16]


class FolderKind(Kind[FolderInputs]):
    token = "bascule:local:Folder"  # noqa: S105
    replaced_by = frozenset({"host", "path"})

    def facts(self, inputs: FolderInputs) -> State:
        with opened(inputs.source) as folder:
            return {"digest": digest_of(folder)}

    def create(self, inputs: FolderInputs) -> tuple[str, State]:
        self.update(inputs, {})
        return inputs.path, {}

    def read(self, inputs: FolderInputs, state: State) -> State | None:
        there = inputs.place.path(inputs.path)
        return {"digest": digest_of(there)} if there.is_dir() else None

    def update(self, inputs: FolderInputs, state: State) -> State:
        place, there = inputs.place, inputs.place.path(inputs.path)
        fresh, old = f"{inputs.path}.new", f"{inputs.path}.old"
        place.remove(fresh, old)
        place.make_folder(fresh)
        pack = ["tar", "-c", *(f"--exclude={name}" for name in sorted(NOT_CARRIED)), "-C"]
        unpack = [*operator().switch, "tar", "-x", "--no-same-owner", "-C", str(place.path(fresh))]
        with opened(inputs.source) as folder:
            # Packed with the caller's rights, unpacked with the host's.
            packing = subprocess.Popen([*pack, str(folder), "."], stdout=subprocess.PIPE)  # noqa: S603 - our own words
            done = subprocess.run(  # noqa: S603 - our own words
                unpack, stdin=packing.stdout, capture_output=True, umask=0o077, check=False
            )
            if packing.wait() or done.returncode:
                why = done.stderr.decode(errors="replace")[-300:]
                raise SiteError(f"{inputs.source} could not be copied to {place.folder.name}: {why}")
        if there.exists():
            place.run("mv", "-T", there, place.path(old))
        place.run("mv", "-T", place.path(fresh), there)
        place.remove(old)
        return {}

    def delete(self, inputs: FolderInputs, state: State) -> None:
        inputs.place.remove(inputs.path)
