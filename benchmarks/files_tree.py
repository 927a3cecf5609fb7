"""
The tree of files that the benchmark of files moves: many small ones and a few large.

Promise: the same tree for the same scale, whoever makes it and whenever.
"""

import os
import random
from pathlib import Path

SMALL_FILES = 20_000
SMALL_BYTES = 230 * 1024 * 1024
LARGE_FILES = 3
LARGE_BYTES = 1024 * 1024 * 1024
FILES_A_FOLDER = 200
CHANGES = 100


def make_tree(top: Path, scale: float) -> int:
    """Write the tree below `top`; return how many bytes it has."""
    chance = random.Random(4)  # noqa: S311 - content for a measurement, not a secret
    content = chance.randbytes(1 << 20)
    mean, written = SMALL_BYTES // SMALL_FILES, 0
    for number in range(int(SMALL_FILES * scale)):
        folder = top / f"{number // FILES_A_FOLDER:04}"
        if number % FILES_A_FOLDER == 0:
            folder.mkdir(parents=True)
        size = chance.randrange(mean // 10, mean * 2 - mean // 10)
        begin = chance.randrange(len(content) - size)
        written += (folder / f"{number:06}.pdf").write_bytes(content[begin : begin + size])
    for number in range(LARGE_FILES):
        with (top / f"large-{number}.iso").open("wb") as file:
            while file.tell() < LARGE_BYTES * scale / LARGE_FILES:
                # Turned round, so that no block is like another.
                turn = (file.tell() >> 20) + number
                written += file.write(content[turn:] + content[:turn])
    return written


def change(top: Path, round_: int) -> None:
    """Give `CHANGES` small files, spread over the tree, another content of another length."""
    small = sorted(top.glob("*/*.pdf"))
    for number in range(CHANGES):
        path = small[(number * len(small) // CHANGES + round_) % len(small)]
        path.write_bytes(os.urandom(4000 + number))
