"""
What an artifact is, on any substrate: a folder of the workspace, or a tar archive of one.

Promise: it is only read; an archive is unpacked into a folder that goes again.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provisioning.errors import SiteError

NOT_CARRIED = frozenset({"__pycache__", ".git", ".venv"})
"""Names that are no part of an artifact, wherever they lie in it."""


@contextmanager
def opened(source: str) -> Iterator[Path]:
    """Give the folder that `source` is, or that it holds when it is an archive."""
    path = Path(source)
    if path.is_dir():
        yield path
        return
    if not path.is_file():
        raise SiteError(
            f"there is no artifact at {source}",
            state="Nothing was changed.",
            next_step="correct its path in the manifest",
        )
    with tempfile.TemporaryDirectory(prefix="bascule-") as unpacked:
        unpack = ["tar", "-x", "--no-same-owner", "-C", unpacked, "-f", source]
        done = subprocess.run(unpack, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
        if done.returncode != 0:
            raise SiteError(f"{source} is no archive that tar can unpack: {done.stderr.strip()[-300:]}")
        yield Path(unpacked)
