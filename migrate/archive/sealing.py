"""
Compression and encryption of one object, as a stream: constant memory, digests of both sides on the way.

Promise: what `unseal` writes was authenticated piece by piece, and it ends only when all of it was; an
error of whatever reads or writes comes out as that error, not as one of the cipher.

Source: zstd's frame inside age's file, so that ``age -d -i identity FILE | zstd -d`` reads it too.
"""

import hashlib
from typing import IO, Any, Protocol, cast

import pyrage
import zstandard
from pyrage import x25519

from migrate.archive.layout import Plain, Sealed
from migrate.errors import TransferError


class Reader(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class Writer(Protocol):
    def write(self, data: bytes, /) -> Any: ...


class Tally:
    """Passes bytes through and keeps count, digest, and the error that ended it."""

    def __init__(self, inner: Reader | Writer) -> None:
        self._inner: Any = inner
        self._sum = hashlib.sha256()
        self.bytes = 0
        self.error: Exception | None = None

    @property
    def sha256(self) -> str:
        return self._sum.hexdigest()

    def read(self, size: int = -1) -> bytes:
        try:
            piece: bytes = self._inner.read(size)
        except Exception as error:
            self.error = error
            raise
        self._count(piece)
        return piece

    def write(self, data: bytes) -> int:
        try:
            self._inner.write(data)
        except Exception as error:
            self.error = error
            raise
        self._count(data)
        return len(data)

    def flush(self) -> None:
        """The cipher asks for it; whoever owns the file flushes it."""

    def _count(self, data: bytes) -> None:
        self._sum.update(data)
        self.bytes += len(data)


def seal(name: str, source: Reader, sink: Writer, *recipients: str) -> tuple[Sealed, Plain]:
    """Compress and encrypt all that `source` gives into `sink`, so that any of the recipients can read it."""
    plain, cipher = Tally(source), Tally(sink)
    packed = zstandard.ZstdCompressor().stream_reader(cast("IO[bytes]", plain))
    try:
        pyrage.encrypt_io(packed, cipher, [x25519.Recipient.from_str(one) for one in recipients])
    except (pyrage.EncryptError, OSError):
        if error := plain.error or cipher.error:
            raise error from None
        raise
    return (
        Sealed(name=name, bytes=cipher.bytes, sha256=cipher.sha256),
        Plain(bytes=plain.bytes, sha256=plain.sha256),
    )


def unseal(name: str, source: Reader, sink: Writer, identity: Any) -> Plain:
    """
    Decrypt and unpack `source` into `sink`.

    Raises:
        TransferError: It was encrypted for somebody else, or was changed since.
    """
    cipher, plain = Tally(source), Tally(sink)
    unpacked = zstandard.ZstdDecompressor().stream_writer(cast("IO[bytes]", plain), closefd=False)
    try:
        pyrage.decrypt_io(cipher, unpacked, [identity])
    except (pyrage.DecryptError, OSError) as failure:  # OSError: met in the middle of the stream
        if error := cipher.error or plain.error:
            raise error from None
        raise TransferError(
            f"{name} cannot be decrypted with this identity: {failure}",
            state="Nothing of it was used.",
            next_step="use the identity that belongs to the ticket that it was made with",
        ) from None
    return Plain(bytes=plain.bytes, sha256=plain.sha256)
