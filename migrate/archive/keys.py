"""
Keys of archives: an identity that reads them, which never travels, and a ticket that makes them.

Promise: whoever finds the disk reads nothing; whoever finds disk and ticket reads nothing either, though
such a person could make archives that are accepted: so the ticket travels apart from the disk, and
`make` with ``anew`` makes it worthless. Files are written with mode 0600.

Source: encryption is age's (X25519), so that the age program reads a chunk too; age does not say who made
a file, hence the Ed25519 signature over the manifest.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import SecretStr, ValidationError
from pyrage import IdentityError, RecipientError, x25519

from migrate.case import write_whole
from migrate.errors import Refused, TransferError
from provisioning.model import Model
from provisioning.workspace import Workspace


class Ticket(Model):
    """What the place that makes an archive needs: for whom to encrypt, and how to sign."""

    tenant: str
    recipient: str
    """Public: an age recipient."""
    signing_key: SecretStr
    """32 bytes of Ed25519, in hex."""
    also: tuple[str, ...] = ()
    """Other age recipients who may read it, as the manifest names them."""

    @property
    def recipients(self) -> tuple[str, ...]:
        return (self.recipient, *self.also)

    def sign(self, manifest: bytes) -> bytes:
        """Return the signature, in hex."""
        key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(self.signing_key.get_secret_value()))
        return key.sign(manifest).hex().encode()


@dataclass(frozen=True)
class Keys:
    """What the place that loads archives holds."""

    identity: Any
    """An age identity; pyrage has no types."""
    sender: str
    """The public key that belongs to the ticket, in hex."""

    @property
    def recipient(self) -> str:
        return str(self.identity.to_public())

    def is_signed(self, manifest: bytes, signature: bytes) -> bool:
        """Tell whether the ticket's holder made this manifest."""
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.sender)).verify(
                bytes.fromhex(signature.decode("ascii").strip()), manifest
            )
        except (InvalidSignature, ValueError):
            return False
        return True


def folder(workspace: Workspace, tenant: str) -> Path:
    """Where keys of a tenant's archives, and the plans of those being made, lie."""
    return workspace.state / "stage" / tenant


def make(workspace: Workspace, tenant: str, *, anew: bool = False) -> Path:
    """
    Make identity and ticket of a tenant; return the ticket's path.

    Raises:
        Refused: They are there already; with new ones, archives made for the old ones could not be read.
    """
    here = folder(workspace, tenant)
    ticket = here / "ticket.json"
    if (here / "identity").exists() and not anew:
        raise Refused(
            f"{tenant} has keys for archives already: {ticket}",
            state="Nothing was changed.",
            next_step=f"fab stage-key --tenant {tenant} --anew, if archives made so far shall be worthless",
        )
    here.mkdir(parents=True, exist_ok=True, mode=0o700)
    identity, signing = x25519.Identity.generate(), Ed25519PrivateKey.generate()
    content = {
        "tenant": tenant,
        "recipient": str(identity.to_public()),
        "signing_key": signing.private_bytes_raw().hex(),
    }
    # The identity comes last: it is what says that there are keys.
    write_whole(ticket, (json.dumps(content, indent=1) + "\n").encode())
    write_whole(here / "sender.pub", signing.public_key().public_bytes_raw().hex().encode())
    write_whole(here / "identity", str(identity).encode())
    return ticket


def read_ticket(path: Path, tenant: str) -> Ticket:
    """
    Return the ticket that was brought along.

    Raises:
        TransferError: There is none, others may read it, or it is another tenant's.
    """
    try:
        ticket = Ticket.model_validate_json(_own(path))
        x25519.Recipient.from_str(ticket.recipient)
        ticket.sign(b"")
    except (ValidationError, ValueError, RecipientError) as error:
        said = "; ".join(f["msg"] for f in error.errors()) if isinstance(error, ValidationError) else ""
        raise TransferError(
            f"{path} is no ticket{': ' + said if said else ''}",
            state="Nothing was written.",
            next_step=f"fab stage-key --tenant {tenant}, at the vendor's, and bring ticket.json along",
        ) from None
    if ticket.tenant != tenant:
        raise TransferError(
            f"{path} is the ticket of {ticket.tenant}, not of {tenant}",
            state="Nothing was written.",
            next_step=f"fab stage-out --tenant {tenant} --ticket FILE, with its own",
        )
    return ticket


def read_keys(workspace: Workspace, tenant: str) -> Keys:
    """
    Return what reads the archives of a tenant.

    Raises:
        TransferError: There is no identity here, or others may read it.
    """
    here = folder(workspace, tenant)
    text = _own(here / "identity").decode(errors="replace").strip()
    try:
        identity = x25519.Identity.from_str(text)
    except IdentityError:
        raise TransferError(
            f"{here / 'identity'} is no age identity", next_step="put the one that stage-key made there"
        ) from None
    return Keys(identity, _own(here / "sender.pub").decode().strip())


def _own(path: Path) -> bytes:
    """Return the content of a file that nobody else may read."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise TransferError(
            f"{path}: {error.strerror}",
            state="Nothing was changed.",
            next_step="fab stage-key, where archives will be loaded; its ticket goes where they are made",
        ) from error
    with os.fdopen(handle, "rb") as file:
        if os.fstat(handle).st_mode & 0o077:
            raise TransferError(f"others may read {path}", next_step=f"chmod 600 {path}")
        return file.read()
