"""
An archive in a folder: a disk that is carried, or a share.

Promise: an object is written under another name, flushed to the medium and renamed, so that a disk that is
pulled holds whole objects only; when the disk has gone, nothing is written into the empty folder that it
was mounted on.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from migrate import lock
from migrate.archive.layout import OPENED
from migrate.archive.sealing import Reader, Writer
from migrate.archive.store import reads_as_transfer_errors
from migrate.errors import TransferError

_PIECE = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT}
_PART = ".part"


@dataclass(frozen=True)
class FolderStore:
    """One archive's folder."""

    folder: Path

    @property
    def where(self) -> str:
        return str(self.folder)

    def sizes(self) -> dict[str, int]:
        with reads_as_transfer_errors(self.where, "the folder"):
            return {
                path.name: path.stat().st_size
                for path in self.folder.iterdir()
                if not path.name.endswith(_PART) and path.name != lock.LOCK_FILE
            }

    def digest(self, name: str) -> str:
        found = hashlib.sha256()
        with reads_as_transfer_errors(self.where, name), (self.folder / name).open("rb") as file:
            # From the medium and not from memory: what was just written is still there.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            while piece := file.read(_PIECE):
                found.update(piece)
        return found.hexdigest()

    @contextmanager
    def reading(self, name: str) -> Iterator[Reader]:
        with reads_as_transfer_errors(self.where, name), (self.folder / name).open("rb") as file:
            yield file

    @contextmanager
    def writing(self, name: str) -> Iterator[Writer]:
        part = self.folder / f"{name}{_PART}"
        with self._tells_what_failed(name):
            self._require_there(name)
            try:
                with part.open("wb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(self.folder / name)
                self._flush_names()
            except BaseException:
                with suppress(OSError):
                    part.unlink(missing_ok=True)
                raise

    def free_bytes(self) -> int | None:
        with self._tells_what_failed("its free room"):
            there = self.folder if self.folder.exists() else self.folder.parent
            return shutil.disk_usage(there).free

    def held(self, tenant: str) -> AbstractContextManager[object]:
        with self._tells_what_failed(lock.LOCK_FILE):
            if not self.folder.parent.is_dir():
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.folder.parent))
            self.folder.mkdir(exist_ok=True, mode=0o700)
        return lock.held(self.folder, tenant)

    def _require_there(self, name: str) -> None:
        """Refuse to go on where the disk was: a mount point stays when a disk is pulled."""
        if name != OPENED and not (self.folder / OPENED).is_file():
            raise FileNotFoundError(errno.ENOENT, "the disk that held it has gone", self.where)

    def _flush_names(self) -> None:
        with suppress(OSError):  # some file systems of disks that are carried know no such thing
            handle = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    @contextmanager
    def _tells_what_failed(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            said, what_to_do = error.strerror or str(error), "connect it again"
            if error.errno in _FULL:
                said, what_to_do = "the disk is full", "free room on it, or take a larger one"
            raise TransferError(
                f"{self.where}: {name} was not written: {said}",
                state="Legacy is as it was; all chunks written before are whole and stay.",
                next_step=f"{what_to_do}, then the same command again: it goes on with this chunk",
            ) from error


def archives_in_folder(folder: Path) -> list[str]:
    """Return the names of the archives below a folder."""
    try:
        return sorted(path.name for path in folder.expanduser().iterdir() if (path / OPENED).is_file())
    except OSError as error:
        raise TransferError(
            f"{folder}: {error.strerror}",
            state="Nothing was changed.",
            next_step="connect the disk, and name the folder that it is mounted on",
        ) from error
