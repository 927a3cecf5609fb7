"""
Whether an archive is whole and ours, before anything of it is used.

Promise: signature, presence, size and digest of every object are looked at, and all faults are told at
once, each by the name of its object.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from migrate.archive.keys import Keys
from migrate.archive.layout import (
    CONTENTS,
    MANIFEST,
    OPENED,
    SIGNATURE,
    Contents,
    Manifest,
    Pack,
    Piece,
    Plain,
    PlannedItem,
    Sealed,
)
from migrate.archive.sealing import unseal
from migrate.archive.store import Store, read_small
from migrate.errors import TransferError
from migrate.step import Progress

_STATE = "Nothing was loaded; the site is as it was."


@dataclass(frozen=True)
class Archive:
    """An archive that was found whole, and what lies in it."""

    store: Store
    keys: Keys
    manifest: Manifest
    contents: Contents

    def chunks_of(self, item: PlannedItem) -> list[tuple[Sealed, Plain, Pack | Piece]]:
        """The chunks of one item, in order."""
        before = 0
        for other in self.contents.items:
            if other.folder == item.folder:
                break
            before += len(other.chunks)
        here = slice(before, before + len(item.chunks))
        return list(zip(self.manifest.chunks[here], self.contents.plain[here], item.chunks, strict=True))


def checked(store: Store, keys: Keys, tenant: str, progress: Progress) -> Archive:
    """
    Return an archive whose every object was read and is what its signed manifest says.

    Raises:
        TransferError: Names every object that is missing, truncated, changed or another archive's.
    """
    manifest = signed_manifest(store, keys, tenant)
    every = (*manifest.chunks, manifest.contents)
    require_whole(store, every, f"archive {manifest.archive}: checking", progress)
    return Archive(store, keys, manifest, _contents(store, keys, manifest))


def require_whole(store: Store, every: Sequence[Sealed], title: str, progress: Progress) -> None:
    """
    Read every object of an archive from its medium.

    Raises:
        TransferError: Names every object that is missing, truncated, changed or another archive's.
    """
    faults = _faults_of_sizes(store, every)
    progress.start(title, sum(one.bytes for one in every), "bytes")
    done = 0
    for one in every:
        if one.name not in faults and store.digest(one.name) != one.sha256:
            faults[one.name] = "is not what was written: changed since, or another archive's"
        progress.advance_to(done := done + one.bytes)
    if faults:
        lines = "\n".join(f"  {name} {why}" for name, why in sorted(faults.items()))
        raise TransferError(
            f"{store.where}: {len(faults)} of {len(every)} objects cannot be used\n{lines}",
            state=_STATE,
            next_step="copy them again from where the archive was made, or make it anew there",
        )


def signed_manifest(store: Store, keys: Keys, tenant: str) -> Manifest:
    """
    Return the manifest of an archive that was made with our ticket, for this tenant.

    Raises:
        TransferError: It was not, or is of another format.
    """
    text = signed_text(store, keys, tenant, state=_STATE, advice="load nothing of it")
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError:
        raise TransferError(
            f"{store.where}: {MANIFEST} is not of this format",
            state=_STATE,
            next_step="load it with the version of Bascule that made it",
        ) from None
    if manifest.tenant != tenant:
        raise TransferError(
            f"{store.where} is an archive of {manifest.tenant}, not of {tenant}",
            state=_STATE,
            next_step=f"fab stage-in --tenant {manifest.tenant}, or take the other disk",
        )
    if manifest.recipient != keys.recipient:
        raise TransferError(
            f"{store.where} was encrypted for {manifest.recipient}; the identity here is {keys.recipient}",
            state=_STATE,
            next_step="load it where the identity lies that belongs to its ticket",
        )
    return manifest


def signed_text(store: Store, keys: Keys, tenant: str, *, state: str, advice: str) -> bytes:
    """
    Return the text of a manifest that was signed with our ticket.

    Raises:
        TransferError: It was not; `advice` says what not to do with the archive.
    """
    text = read_small(store, MANIFEST)
    if not keys.is_signed(text, read_small(store, SIGNATURE)):
        raise TransferError(
            f"{store.where}: {MANIFEST} was not signed with the ticket of {tenant}, or was changed since",
            state=state,
            next_step=f"find out who made it, and with which ticket; {advice}",
        )
    return text


def _faults_of_sizes(store: Store, every: Sequence[Sealed]) -> dict[str, str]:
    there = store.sizes()
    known = {one.name for one in every} | {MANIFEST, SIGNATURE, OPENED, CONTENTS}
    # Hidden files are what desktops leave on disks.
    strange = {name for name in there.keys() - known if not name.startswith(".")}
    faults = dict.fromkeys(strange, "belongs to no part of this archive")
    for one in every:
        if one.name not in there:
            faults[one.name] = "is missing"
        elif there[one.name] < one.bytes:
            faults[one.name] = f"is truncated, or another archive's: {there[one.name]} bytes of {one.bytes}"
        elif there[one.name] > one.bytes:
            faults[one.name] = (
                f"is another archive's, or changed since: {there[one.name]} bytes, not {one.bytes}"
            )
    return faults


def _contents(store: Store, keys: Keys, manifest: Manifest) -> Contents:
    text = io.BytesIO()
    with store.reading(CONTENTS) as source:
        unseal(CONTENTS, source, text, keys.identity)
    try:
        contents = Contents.model_validate_json(text.getvalue())
    except ValidationError:
        raise TransferError(
            f"{store.where}: {CONTENTS} is not of this format",
            state=_STATE,
            next_step="load it with the version of Bascule that made it",
        ) from None
    chunks = sum(len(item.chunks) for item in contents.items)
    if not chunks == len(contents.plain) == len(manifest.chunks):
        raise TransferError(
            f"{store.where}: its contents and its manifest do not belong together",
            state=_STATE,
            next_step="make the archive anew",
        )
    return contents
