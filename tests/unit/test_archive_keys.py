"""Keys of archives: who may read one, and who may make one that is accepted."""

import io
import os
from pathlib import Path

import pytest
from pyrage import x25519

from migrate.archive import keys
from migrate.archive.sealing import seal, unseal
from migrate.errors import Refused, TransferError
from provisioning.workspace import Workspace

TENANT = "alpenblick"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    keys.make(workspace, TENANT)
    return workspace


def test_keys_are_for_their_user_only(workspace: Workspace) -> None:
    """Identity and ticket lie below .state, in a folder and files that nobody else may read."""
    here = keys.folder(workspace, TENANT)

    assert here.is_relative_to(workspace.state)
    assert here.stat().st_mode & 0o077 == 0
    assert {path.name for path in here.iterdir()} == {"identity", "sender.pub", "ticket.json"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in here.iterdir())


def test_keys_are_not_made_twice_by_accident(workspace: Workspace) -> None:
    """New keys would make every archive under way worthless, so that has to be said."""
    before = keys.read_keys(workspace, TENANT).recipient
    with pytest.raises(Refused, match="has keys for archives already") as refusal:
        keys.make(workspace, TENANT)
    assert refusal.value.next_step.startswith("fab stage-key --tenant alpenblick --anew")
    assert keys.read_keys(workspace, TENANT).recipient == before

    keys.make(workspace, TENANT, anew=True)

    assert keys.read_keys(workspace, TENANT).recipient != before


def test_the_ticket_cannot_read(workspace: Workspace) -> None:
    """What travels to the customer holds no identity, and does not show its secret."""
    path = keys.folder(workspace, TENANT) / "ticket.json"
    ticket = keys.read_ticket(path, TENANT)

    assert "AGE-SECRET-KEY" not in path.read_text()
    assert ticket.signing_key.get_secret_value() not in repr(ticket)
    assert keys.read_keys(workspace, TENANT).is_signed(b"text", ticket.sign(b"text"))
    assert not keys.read_keys(workspace, TENANT).is_signed(b"other", ticket.sign(b"text"))
    assert not keys.read_keys(workspace, TENANT).is_signed(b"text", b"\xff not hex")


def test_a_ticket_that_others_may_read_is_refused(workspace: Workspace) -> None:
    """A ticket lying open is no secret any more, and the way to close it is told."""
    path = keys.folder(workspace, TENANT) / "ticket.json"
    path.chmod(0o644)

    with pytest.raises(TransferError, match="others may read") as failure:
        keys.read_ticket(path, TENANT)
    assert failure.value.next_step == f"chmod 600 {path}"


@pytest.mark.parametrize(
    "text", ["", "{}", '{"tenant": "alpenblick", "recipient": "x", "signing_key": "GEHEIM"}']
)
def test_what_is_no_ticket_is_told_without_its_content(tmp_path: Path, text: str) -> None:
    """A wrong file is refused, and nothing of it is repeated."""
    path = tmp_path / "ticket.json"
    path.write_text(text)
    path.chmod(0o600)

    with pytest.raises(TransferError, match="is no ticket") as failure:
        keys.read_ticket(path, TENANT)
    assert "GEHEIM" not in str(failure.value)


def test_another_tenants_ticket_is_refused(workspace: Workspace) -> None:
    """The data of one tenant are never encrypted for another's site."""
    with pytest.raises(TransferError, match="is the ticket of alpenblick, not of bergblick"):
        keys.read_ticket(keys.folder(workspace, TENANT) / "ticket.json", "bergblick")


def test_without_keys_the_way_to_them_is_told(tmp_path: Path) -> None:
    """Whoever forgot to make keys learns how, and where."""
    with pytest.raises(TransferError, match="No such file") as failure:
        keys.read_keys(Workspace(tmp_path), TENANT)
    assert failure.value.next_step.startswith("fab stage-key")


def test_an_identity_that_is_none_is_told_without_it(workspace: Workspace) -> None:
    """A damaged identity is told, and not shown."""
    (keys.folder(workspace, TENANT) / "identity").write_text("AGE-SECRET-KEY-1KAPUTT")

    with pytest.raises(TransferError, match="is no age identity") as failure:
        keys.read_keys(workspace, TENANT)
    assert "KAPUTT" not in str(failure.value)


def test_a_changed_object_is_not_decrypted(workspace: Workspace) -> None:
    """What was changed under the cipher comes out as an error that names the object."""
    known, sealed = keys.read_keys(workspace, TENANT), io.BytesIO()
    seal("chunk-000001.age", io.BytesIO(b"text" * 1000), sealed, known.recipient)
    content = bytearray(sealed.getvalue())
    content[-10] ^= 1

    with pytest.raises(TransferError, match=r"chunk-000001\.age cannot be decrypted"):
        unseal("chunk-000001.age", io.BytesIO(content), io.BytesIO(), known.identity)


def test_an_object_is_smaller_than_what_it_holds(workspace: Workspace) -> None:
    """Compressed before it is encrypted: text shrinks, and what cannot shrink hardly grows."""
    known = keys.read_keys(workspace, TENANT)
    for text, most in ((b"Dossier 001\n" * 100_000, 5_000), (os.urandom(1_000_000), 1_001_000)):
        sealed, plain = io.BytesIO(), io.BytesIO()
        said = seal("chunk-000001.age", io.BytesIO(text), sealed, known.recipient)
        assert said[0].bytes == len(sealed.getvalue()) < most
        assert said[1].bytes == len(text)
        assert unseal("chunk-000001.age", io.BytesIO(sealed.getvalue()), plain, known.identity) == said[1]
        assert plain.getvalue() == text


def test_whoever_the_manifest_names_reads_too(tmp_path: Path) -> None:
    """An archive is encrypted for the site's identity and each recipient beside it, and for nobody else."""
    other, stranger = x25519.Identity.generate(), x25519.Identity.generate()
    ticket = keys.read_ticket(keys.make(Workspace(tmp_path), TENANT), TENANT)
    ticket = ticket.model_copy(update={"also": (str(other.to_public()),)})
    sealed = io.BytesIO()
    seal("chunk-000001.age", io.BytesIO(b"text"), sealed, *ticket.recipients)
    for identity in (keys.read_keys(Workspace(tmp_path), TENANT).identity, other):
        plain = io.BytesIO()
        unseal("chunk-000001.age", io.BytesIO(sealed.getvalue()), plain, identity)
        assert plain.getvalue() == b"text"
    with pytest.raises(TransferError, match="cannot be decrypted with this identity"):
        unseal("chunk-000001.age", io.BytesIO(sealed.getvalue()), io.BytesIO(), stranger)
