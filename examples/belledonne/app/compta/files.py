"""
The firm's files, area by area: GET asks for the right to read, PUT to write, DELETE for the other one.

Promise: rights are looked at before the file, so nobody learns of one that they may not read; no path leads
out of its area. A precondition that does not hold (If-Match) is told to those who may, and changes nothing.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from flask import Blueprint, Response, abort, request, send_file

NEEDS = {"GET": "read", "HEAD": "read", "PUT": "write", "DELETE": "other"}


def served(root: Path, path: str, rights: Callable[[], frozenset[str] | None]) -> Blueprint:
    """
    Args:
        root: Folder whose folders are the areas.
        path: Where they are served.
        rights: Of whoever asks now, such as ``dossiers:read``; None where nobody knows who that is.
    """
    files = Blueprint("files", __name__, url_prefix=path)

    @files.route("/<area>/<path:name>", methods=["GET", "PUT", "DELETE"])
    def one(area: str, name: str) -> Response:
        known = rights()
        if known is None:
            abort(401)
        if f"{area}:{NEEDS[request.method]}" not in known:
            abort(403)
        within = (root / area).resolve()
        file = (within / name).resolve()
        if within.parent != root.resolve() or within not in file.parents:
            abort(404)
        if request.if_match and not request.if_match.contains(_tag(file)):
            abort(412)
        if request.method == "PUT":
            return _written(file, request.get_data())
        if not file.is_file():
            abort(404)
        if request.method == "DELETE":
            file.unlink()
            return Response(status=204)
        answer = send_file(file)
        answer.set_etag(_tag(file))
        return answer

    return files


def _tag(file: Path) -> str:
    if not file.is_file():
        return ""
    known = file.stat()
    return f"{known.st_mtime_ns:x}-{known.st_size:x}"


def _written(file: Path, content: bytes) -> Response:
    """Put a file where it belongs at once and whole: another reader sees the old one or this one."""
    there = file.exists()
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".new-") as folder:
        new = Path(folder) / "content"
        new.write_bytes(content)
        new.replace(file)
    return Response(status=204 if there else 201)
