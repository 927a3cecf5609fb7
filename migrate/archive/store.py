"""
Where archives lie: a folder, a disk by its device, or a prefix of an S3 bucket.

Promise: an object is there whole or not at all; what goes wrong with the medium is told as what it is:
full, gone, refused. `find` and `opened` are all that the rest needs to know of media.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from migrate.archive.device import folder_of
from migrate.archive.layout import MANIFEST, OPENED, SIGNATURE, Opened
from migrate.archive.sealing import Reader, Writer
from migrate.errors import TransferError


class Store(Protocol):
    """The objects of one archive."""

    @property
    def where(self) -> str:
        """As messages call it."""
        ...

    def sizes(self) -> dict[str, int]:
        """Return all objects and their bytes."""
        ...

    def digest(self, name: str) -> str:
        """Return the SHA-256 of an object as the medium holds it now."""
        ...

    def reading(self, name: str) -> AbstractContextManager[Reader]: ...

    def writing(self, name: str) -> AbstractContextManager[Writer]:
        """Yield what takes the content; the object is there once the context ended without an error."""
        ...

    def free_bytes(self) -> int | None:
        """Room that is left; None where there is no limit to ask for."""
        ...

    def held(self, tenant: str) -> AbstractContextManager[object]:
        """
        Keep others from writing here meanwhile.

        Raises:
            Refused: Somebody is; says who.
        """
        ...


def archives(location: str) -> list[str]:
    """Return the names of all archives at a location, finished or not, sorted."""
    if location.startswith("s3://"):
        from migrate.archive.bucket import archives_in_bucket  # here: boto3 takes half a second

        return archives_in_bucket(location)
    from migrate.archive.folder import archives_in_folder

    return archives_in_folder(Path(folder_of(location)))


def open_store(location: str, archive: str) -> Store:
    """Return the store of one archive at a location, there already or not."""
    if location.startswith("s3://"):
        from migrate.archive.bucket import BucketStore

        return BucketStore.at(location, archive)
    from migrate.archive.folder import FolderStore

    return FolderStore(Path(folder_of(location)).expanduser().absolute() / archive)


def read_small(store: Store, name: str) -> bytes:
    """Return the content of one of the small objects."""
    with store.reading(name) as source:
        return source.read()


def write_small(store: Store, name: str, content: bytes) -> None:
    with store.writing(name) as sink:
        sink.write(content)


def find(location: str, tenant: str, wanted: str = "") -> Store:
    """
    Return the finished archive of a tenant that lies at a location.

    Args:
        wanted: Which, when there are several.

    Raises:
        TransferError: There is none, or there are several; names what is there.
    """
    there = {name: open_store(location, name) for name in archives(location)}
    mine = {name: store for name, store in there.items() if _opened(store).tenant == tenant}
    chosen = {name: store for name, store in mine.items() if name == wanted or not wanted}
    if not chosen:
        known = ", ".join(mine) or ("none of it" if there else "none at all")
        raise TransferError(
            f"{location} holds no archive {wanted + ' ' if wanted else ''}of {tenant}: {known}",
            state="Nothing was loaded.",
            next_step=f"fab stage-in --tenant {tenant} --from FOLDER, with the folder that holds it",
        )
    if len(chosen) > 1:
        raise TransferError(
            f"{location} holds {len(chosen)} archives of {tenant}: {', '.join(chosen)}",
            state="Nothing was loaded.",
            next_step=f"fab stage-in --tenant {tenant} --from {location} --archive {max(chosen)}",
        )
    ((name, store),) = chosen.items()
    if missing := {MANIFEST, SIGNATURE} - set(store.sizes()):
        raise TransferError(
            f"{store.where}: archive {name} is not finished: it has no {' and no '.join(sorted(missing))}",
            state="Nothing was loaded.",
            next_step=f"fab stage-out --tenant {tenant} again, where it is made: it goes on where it stopped",
        )
    return store


def _opened(store: Store) -> Opened:
    try:
        return Opened.model_validate_json(read_small(store, OPENED))
    except ValidationError:
        raise TransferError(
            f"{store.where}: {OPENED} is not of this format",
            state="Nothing was loaded.",
            next_step="load it with the version of Bascule that made it",
        ) from None


@contextmanager
def reads_as_transfer_errors(where: str, name: str) -> Iterator[None]:
    """Tell what a medium says when something is read from it."""
    try:
        yield
    except OSError as error:
        raise TransferError(
            f"{where}: {name} cannot be read: {error.strerror or error}",
            state="Nothing of it was used.",
            next_step="connect the medium that the archive was written to, then the same command again",
        ) from error
