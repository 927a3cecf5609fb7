"""
Databases that are files, made for tests: of dBase and Access, byte by byte.

Promise: as their formats say, so that whatever reads their headers takes them for what they are.
"""

import struct


def dbase(rows: int, *, month: int = 6) -> bytes:
    """A dBase III table of one text field of ten characters."""
    field = b"NOM".ljust(11, b"\0") + b"C" + bytes(4) + bytes([10, 0]) + bytes(14)
    header = struct.pack("<BBBBIHH", 0x03, 98, month, 1, rows, 32 + len(field) + 1, 11) + bytes(20)
    return (
        header
        + field
        + b"\r"
        + b"".join(b" " + f"client{n}".encode().ljust(10) for n in range(rows))
        + b"\x1a"
    )


def access(engine: str = "Jet") -> bytes:
    """The first page of an Access database."""
    return (b"\x00\x01\x00\x00Standard " + engine.encode() + b" DB\x00").ljust(4096, b"\x00")
