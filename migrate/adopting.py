"""
Adopting a file as a document of the case that people sign.

Promise: byte for byte; one that is signed is replaced only when that is asked for, and its signature goes.
"""

from migrate.case import Case
from migrate.errors import Refused
from migrate.signatures import signature_of


def adopt_document(case: Case, name: str, content: bytes, *, replace: bool) -> None:
    """
    Make `content` the document `name` of a case; the same content again changes nothing.

    Raises:
        Refused: Another one is signed already, and nobody asked to replace it.
    """
    document = case.document(name)
    is_same = document.exists() and document.read_bytes() == content
    if signature_of(document).exists() and not is_same:
        if not replace:
            raise Refused(
                f"{name} is signed; another file would void the signature",
                state="Nothing was changed.",
                next_step=f"fab run --tenant {case.manifest.tenant}, or the same command with --replace",
            )
        signature_of(document).unlink()
    case.write_document(name, content)
