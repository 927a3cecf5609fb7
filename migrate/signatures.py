"""
SSH signatures over documents: made and checked by ``ssh-keygen -Y``, nothing of our own.

    stacks/allowed_signers            one line a key, as ssh-keygen(1) describes it:
    anna@home.example namespaces="bascule",valid-before="20281231" ssh-ed25519 AAAA…
    vendor,vera@vendor.example namespaces="bascule" ssh-ed25519 AAAA…

Promise: a signature counts only when ssh-keygen says so; this module adds the exact reason when it
does not. Somebody signs for the vendor when the line of the key names ``vendor`` beside the e-mail.
"""

import base64
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from migrate.case import write_whole
from migrate.errors import GateError

NAMESPACE = "bascule"
VENDOR = "vendor"


@dataclass(frozen=True)
class Signature:
    """Who signed. `fingerprint` is such as ``SHA256:…``."""

    signer: str
    fingerprint: str


def signature_of(document: Path) -> Path:
    """Where the signature of a document lies: ``offer.pdf.sig``, where ssh-keygen puts it."""
    return document.with_name(document.name + ".sig")


def sign(document: Path, key: Path) -> None:
    """
    Sign a document with a private key (or the public key of one that an agent holds).

    Raises:
        GateError: ssh-keygen would not; says why.
    """
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(key)]
    with document.open("rb") as content:
        done = subprocess.run(command, stdin=content, capture_output=True, check=False)  # noqa: S603 - OpenSSH
    if done.returncode != 0:
        reason = done.stderr.decode(errors="replace").strip() or "ssh-keygen gave no reason"
        raise GateError(f"{document.name} could not be signed with {key}: {reason}")
    write_whole(signature_of(document), done.stdout)


def verify(document: Path, allowed: Path, identity: str, *, at: datetime | None = None) -> Signature:
    """
    Return who signed a document, provided that it was `identity`.

    Args:
        allowed: The ``allowed_signers`` file.
        identity: An e-mail address, or `VENDOR` for anybody who signs for the vendor.
        at: The moment at which the key must have been valid; by default now.

    Raises:
        GateError: It was not signed so; says the exact reason.
    """
    signature = signature_of(document)
    if not signature.is_file():
        raise GateError(f"{document.name} is not signed")
    if not allowed.is_file():
        raise GateError(f"{allowed} is missing, so nobody may sign", next_step="write stacks/allowed_signers")
    key, namespace = _read(signature)
    principals = _principals(allowed, key)
    people = [name for name in principals if name != VENDOR]
    if namespace != NAMESPACE:
        raise GateError(
            f"{document.name} is signed in the namespace {namespace}, not {NAMESPACE}: "
            "that signature was made for something else"
        )
    unchanged = _keygen("check-novalidate", document, "-n", NAMESPACE)
    if unchanged.returncode != 0:
        raise GateError(f"{document.name} was changed after it was signed (or its signature is damaged)")
    if not principals:
        raise GateError(f"{document.name} is signed with a key that {allowed.name} does not list")
    if identity not in principals:
        wanted = "somebody of the vendor" if identity == VENDOR else identity
        raise GateError(f"{document.name} is signed by {', '.join(people)}, not by {wanted}")
    moment = (at or datetime.now(UTC)).strftime("%Y%m%d%H%M%SZ")
    found = _keygen(
        "verify", document, "-f", str(allowed), "-I", identity, "-n", NAMESPACE, f"-Overify-time={moment}"
    )
    if found.returncode != 0:
        reason = found.stderr.strip().splitlines()
        raise GateError(
            f"{document.name} is signed by {', '.join(people)}, but the key may not be used: "
            f"{reason[0] if reason else 'ssh-keygen gave no reason'}"
        )
    fingerprint = next(word for word in found.stdout.split() if word.startswith("SHA256:"))
    return Signature(identity if identity != VENDOR else ", ".join(people), fingerprint)


def is_of_vendor(allowed: Path, email: str) -> bool:
    """Whether some key in ``allowed_signers`` lets that person sign for the vendor."""
    return any(email in names and VENDOR in names for names, _ in _lines(allowed))


def _keygen(action: str, document: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = ["ssh-keygen", "-Y", action, *options, "-s", str(signature_of(document))]
    with document.open("rb") as content:
        return subprocess.run(  # noqa: S603 - OpenSSH, our own words
            command, stdin=content, capture_output=True, text=True, check=False
        )


def _read(signature: Path) -> tuple[bytes, str]:
    """Return public key and namespace out of an SSH signature (OpenSSH's PROTOCOL.sshsig), to explain it."""
    try:
        armoured = signature.read_text("ascii").split("-----")[2]
        blob = base64.b64decode("".join(armoured.split()), validate=True)
        if not blob.startswith(b"SSHSIG"):
            raise ValueError("no SSHSIG")
        key, rest = _string(blob[10:])
        namespace, _ = _string(rest)
        return key, namespace.decode()
    except (ValueError, IndexError) as error:
        raise GateError(f"{signature.name} is not an SSH signature") from error


def _string(blob: bytes) -> tuple[bytes, bytes]:
    end = 4 + int.from_bytes(blob[:4], "big")
    if len(blob) < end:
        raise ValueError("too short")
    return blob[4:end], blob[end:]


def _principals(allowed: Path, key: bytes) -> list[str]:
    return [name for names, listed in _lines(allowed) if listed == key for name in names]


def _lines(allowed: Path) -> list[tuple[list[str], bytes]]:
    """Return principals and key of each line, to explain a refusal; only ssh-keygen decides by this file."""
    found = []
    for line in allowed.read_text().splitlines() if allowed.is_file() else []:
        words = line.split()
        keys = [word for word in words if word.startswith("AAAA")]
        if words and keys and not line.lstrip().startswith("#"):
            found.append((words[0].strip('"').split(","), base64.b64decode(keys[0])))
    return found
