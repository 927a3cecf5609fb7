"""
What a file is, by its first bytes: a database of SQLite, dBase or Access, or none.

Promise: a name or its ending decides nothing. dBase has no signature, so its header has to be right in all
that it says: a date, the length of header and row, and the size that follows from both.

Sources: SQLite "Database File Format" 1.3; Microsoft Jet and ACE begin with their engine's name at byte 4;
dBase III to Visual FoxPro as in "Xbase File Format Description".
"""

import struct
from typing import Literal

HEAD_BYTES = 64
"""What has to be read of a file. No database of these kinds is smaller."""

FileKind = Literal["sqlite", "dbase", "access"]

_JET = (b"\x00\x01\x00\x00Standard Jet DB\x00", b"\x00\x01\x00\x00Standard ACE DB\x00")
_XBASE_VERSIONS = frozenset(
    (0x02, 0x03, 0x04, 0x05, 0x30, 0x31, 0x32, 0x43, 0x63, 0x83, 0x8B, 0x8C, 0xCB, 0xF5, 0xFB)
)
_FOXPRO_EXTRA_BYTES = 263


def kind_of(head: bytes, size: int) -> FileKind | None:
    """
    Return what a file is.

    Args:
        head: Its first `HEAD_BYTES` bytes.
        size: Of the whole file, in bytes.
    """
    if head.startswith(b"SQLite format 3\x00"):
        return "sqlite"
    if head.startswith(_JET):
        return "access"
    return "dbase" if _is_dbase(head, size) else None


def _is_dbase(head: bytes, size: int) -> bool:
    if len(head) < HEAD_BYTES or head[0] not in _XBASE_VERSIONS:
        return False
    month, day, rows, header, row = (int(number) for number in struct.unpack("<xBBIHH", head[1:12]))
    # The first field's name is text, and its type one of the letters that there are.
    field, kind = head[32:43].split(b"\x00", 1)[0], head[43:44]
    if not (1 <= month <= 12 and 1 <= day <= 31 and row > 1):
        return False
    if not field or not field.isascii() or not field.decode().isprintable() or kind not in _FIELD_KINDS:
        return False
    fields = header - 33
    if fields % 32 != 0 and (fields - _FOXPRO_EXTRA_BYTES) % 32 != 0:
        return False
    # The end of file mark may be missing; a table that was not closed may hold a row more.
    return 0 <= size - (header + rows * row) <= row + 1


_FIELD_KINDS = frozenset(bytes([letter]) for letter in b"BCDFGILMNOPQTVWXY@+0")
