"""
The tree of documents beside the database: letters, PDF reports, scans, and what old trees collect.

Promise: the same seed and scale give the same names, bytes, modes and times, so that the database's
``epdoc.dokument`` can name each file with its digest.
"""

import hashlib
import os
import random
import struct
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .counts import Counts

_EPOCH = 1_700_000_000
_KINDS = (
    ("Ärztlicher Bericht", "pdf"),
    ("Brief an die Krankenkasse", "txt"),
    ("Rapport d’entrée", "pdf"),
    ("Scan Patientenverfügung", "png"),
    ("Pflegeüberweisung & Anhang (Kopie)", "txt"),
)


@dataclass(frozen=True)
class Document:
    """One file that the database knows. `path` is relative to the tree."""

    resident: int
    path: str
    title: str
    content: bytes

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.content).digest()


def documents(seed: int, counts: Counts) -> Iterator[Document]:
    """Yield the documents of all residents, each made when it is asked for."""
    for number in range(max(12, round(260 * counts.scale))):
        r = random.Random(f"{seed}/document/{number}")  # noqa: S311 - demo data, repeatable on purpose
        resident = 1 + number * 31 % counts.residents
        title, kind = _KINDS[number % len(_KINDS)]
        text = f"{title} Nr. {number}, Bewohnende {resident}"
        content = {"txt": _letter, "pdf": _pdf, "png": _scan}[kind](r, text)
        path = f"Bewohner/{resident:05} Dossier/{2020 + number % 7}/{title} {number:06}.{kind}"
        yield Document(resident, path, text, content)


def write_tree(folder: Path, seed: int, scale: float) -> tuple[int, int]:
    """Write the whole tree into `folder`, which may exist; return the number of files and bytes."""
    counts = Counts(scale)
    for number, document in enumerate(documents(seed, counts)):
        path = folder / document.path
        path.parent.mkdir(parents=True, exist_ok=True)
        _put(path, document.content, (0o644, 0o640, 0o600, 0o440)[number % 4], _EPOCH + number * 3607)
    _write_oddities(folder, seed, scale)
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return len(files), sum(path.stat().st_size for path in files)


def _write_oddities(folder: Path, seed: int, scale: float) -> None:
    """What a careless copy loses or trips over; none of it is known to the database."""
    r = random.Random(f"{seed}/oddities")  # noqa: S311 - demo data, repeatable on purpose
    shared = folder / "Gemeinsam genutzt"
    for name in ("Vorlagen", "leerer Ordner", "Archiv/2019/März"):
        (shared / name).mkdir(parents=True, exist_ok=True)
    odd = {
        "Vorlagen/leer.txt": b"",
        "Vorlagen/" + unicodedata.normalize("NFD", "Ménu de Noël zerlegt.txt"): "Älplermagronen\n".encode(),
        "Vorlagen/-rf Notiz.txt": b"A name that looks like an option.\n",
        "Vorlagen/50 % 'Rabatt' $HOME; `ls`.txt": b"A name that a shell would read.\n",
        "Vorlagen/.versteckt": b"hidden\n",
        "Vorlagen/export.sh": b"#!/bin/sh\nexec true\n",
        "Archiv/2019/März/Sicherung.bin": r.randbytes(round(2_000_000 * min(max(scale, 0.1), 20))),
    }
    for number, (name, content) in enumerate(odd.items()):
        mode = 0o755 if name.endswith(".sh") else 0o644
        _put(shared / name, content, mode, _EPOCH + number)
    _put(shared / "Archiv/nur lesen.txt", b"Nobody writes here.\n", 0o400, _EPOCH - 400 * 86400)
    links = {
        "Archiv/aktuell": "2019/März",
        "Vorlagen/Menu.lnk": "leer.txt",
        "Archiv/verwaist": "../fort/weg.txt",
    }
    for name, target in links.items():
        link = shared / name
        if not link.is_symlink():
            link.symlink_to(target)
    (shared / "Archiv").chmod(0o750)


def _put(path: Path, content: bytes, mode: int, modified_at: int) -> None:
    if path.exists():
        path.chmod(0o600)
    path.write_bytes(content)
    path.chmod(mode)
    os.utime(path, (modified_at, modified_at))


def _letter(r: random.Random, title: str) -> bytes:
    body = "\n".join(
        f"{n}. Grüezi – nous vous remercions de votre réponse." for n in range(r.randint(20, 900))
    )
    return f"Pflegeheim Alpenblick\n\n{title}\n\n{body}\n".encode()


def _pdf(r: random.Random, title: str) -> bytes:
    """A one-page PDF that a viewer opens, with an unread stream that gives it a scan's size."""
    safe = title.replace("’", "'").encode("cp1252").replace(b"(", b"\\(").replace(b")", b"\\)")
    text = b"BT /F 18 Tf 60 760 Td (" + safe + b") Tj ET"
    ballast = r.randbytes(r.randint(5_000, 60_000))
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(text), text),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(ballast), ballast),
    )
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    tail = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    return bytes(out) + head + table + tail


def _scan(r: random.Random, _title: str) -> bytes:
    return png(r, r.randint(90, 200))


def png(r: random.Random, width: int) -> bytes:
    """A grey square picture of noise, which no compression makes smaller."""
    rows = b"".join(b"\0" + r.randbytes(width) for _ in range(width))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, width, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows, 1))
        + chunk(b"IEND", b"")
    )
