"""Parts of a local host that need no host: addresses, verifiers, certificates, door, inbox, copies."""

import json
import os
import socket
import struct
import subprocess
import sys
import tarfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from provisioning import certificates
from provisioning.artifact import opened
from provisioning.errors import SiteError, WorkspaceError
from provisioning.local import ports
from provisioning.local.kinds.authority import (
    AuthorityInputs,
    AuthorityKind,
    CertificateInputs,
    CertificateKind,
)
from provisioning.local.kinds.door import DoorInputs, DoorKind
from provisioning.local.kinds.folder import digest_of
from provisioning.local.kinds.host import script
from provisioning.local.kinds.role import holds
from provisioning.program import environment_of


@given(st.text(min_size=1, max_size=60), st.integers(0, 5))
def test_addresses_are_loopback_and_stay(stack: str, attempt: int) -> None:
    """A stack's address is always the same, within 127.64 to 127.127, and a host's, not a network's."""
    address = ports.address_of(Path("/a/workspace"), stack, attempt)
    assert address == ports.address_of(Path("/a/workspace"), stack, attempt)
    first, second, _, last = map(int, address.split("."))
    assert (first, 64 <= second <= 127, 1 <= last <= 254) == (127, True, True)


def test_twenty_environments_get_twenty_addresses() -> None:
    """Twenty environments of a workspace have twenty addresses, and another workspace has others."""
    stacks = [f"tenant-{number}-{environment}" for number in range(10) for environment in ("test", "prod")]
    here = {ports.address_of(Path("/here"), stack) for stack in stacks}
    there = {ports.address_of(Path("/there"), stack) for stack in stacks}
    assert len(here) == 20
    assert not here & there


def test_taken_ports_are_told_together_with_their_holder() -> None:
    """Every taken port is named with who holds it, and the remedy is a command with a free address."""
    address = f"127.77.{os.getpid() % 256}.{os.getpid() // 256 % 254 + 1}"
    with socket.create_server((address, 0)) as one, socket.create_server((address, 0)) as other:
        taken = (one.getsockname()[1], other.getsockname()[1])
        with pytest.raises(SiteError) as refused:
            ports.require_free(address, taken, "birke-test")
    me = f"{Path('/proc/self/comm').read_text().strip()} (pid {os.getpid()})"
    assert refused.value.what.splitlines() == [
        "birke-test cannot have its ports:",
        f"{address}:{taken[0]} is taken by {me}",
        f"{address}:{taken[1]} is taken by {me}",
    ]
    assert refused.value.state == "Nothing was made."
    assert refused.value.next_step.startswith("pulumi config set bascule:address 127.")
    ports.require_free(address, taken, "birke-test")


def test_scram_verifier_tells_its_password() -> None:
    """The verifier of RFC 7677's example was made from its password and from no other."""
    verifier = (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )
    assert holds(verifier, "pencil")
    assert not holds(verifier, "pencils")
    assert not holds(None, "pencil")
    assert not holds("md5c2e7b1e3a0e5c4e2e3a0e5c4e2e3a0e5", "pencil")


def test_certificate_is_signed_names_its_hosts_and_is_renewed_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A certificate verifies against its authority, and is due once less than 30 days are left of it."""
    _, ca = AuthorityKind().create(AuthorityInputs(common_name="Bascule birke-test"))
    inputs = CertificateInputs(
        authority=ca["certificate"],
        authority_key=ca["private_key"],
        names=("birke.care.example", "127.64.1.2"),
    )
    kind = CertificateKind()
    identity, made = kind.create(inputs)
    certificate = x509.load_pem_x509_certificate(made["certificate"].encode())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(ca["certificate"].encode()))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["birke.care.example"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.64.1.2"]
    assert identity == "birke.care.example"
    assert kind.read(inputs, made) == {"due_for_renewal": False}

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # only asked with UTC
            return datetime.now(UTC) + timedelta(days=370)

    monkeypatch.setattr(certificates, "datetime", Later)
    assert kind.read(inputs, made) == {"due_for_renewal": True}
    assert kind.update(inputs, made)["certificate"] != made["certificate"]


def test_copy_has_one_digest_whatever_it_was_packed_in(tmp_path: Path) -> None:
    """A folder and a tar archive of it have one digest; a byte, a name or an executable bit changes it."""
    folder = tmp_path / "artifact"
    (folder / "lib").mkdir(parents=True)
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "lib" / "ö.txt").write_text("x")
    first = digest_of(folder)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "junk").write_text("not carried")
    assert digest_of(folder) == first
    with tarfile.open(tmp_path / "artifact.tar.gz", "w:gz") as archive:
        archive.add(folder, ".")
    with opened(str(tmp_path / "artifact.tar.gz")) as unpacked:
        assert digest_of(unpacked) == first
    (folder / "run").chmod(0o755)
    second = digest_of(folder)
    (folder / "lib" / "ö.txt").write_text("y")
    third = digest_of(folder)
    (folder / "lib" / "ö.txt").rename(folder / "lib" / "o.txt")
    assert len({first, second, third, digest_of(folder)}) == 4


def test_missing_artifact_is_told_with_its_path(tmp_path: Path) -> None:
    """An artifact that is not there is named before anything changes."""
    with (
        pytest.raises(SiteError, match=r"there is no artifact at .*/nowhere"),
        opened(str(tmp_path / "nowhere")),
    ):
        pass


def test_stack_name_says_tenant_and_environment() -> None:
    """The last word of a stack's name is its environment; any other name is refused with the rule."""
    assert environment_of("haus-am-see-prod") == ("haus-am-see", "prod")
    for name in ("alpenblick", "alpenblick-legacy", "-test", "prod"):
        with pytest.raises(WorkspaceError, match="must be <tenant>-test or <tenant>-prod"):
            environment_of(name)


def _script(name: str, folder: Path) -> Path:
    path = folder / f"{name}.py"
    path.write_text(script(name, folder).content)
    return path


def _door(folder: Path, language: str = "en") -> Path:
    """Lay the door's command and its pages down as the program does."""
    inputs = DoorInputs(host=str(folder), state="closed", language=language)
    (folder / "etc").mkdir(exist_ok=True)
    (folder / "etc" / "door.json").write_text(DoorKind().files(inputs)["etc/door.json"].content)
    return _script("door", folder)


def test_the_door_speaks_the_tenants_language(tmp_path: Path) -> None:
    """The page follows the language, without a flip by anybody; a reason in it cannot become markup."""
    page = tmp_path / "run" / "door" / "now" / "page.html"
    for language, says in (("nb", "Dette nettstedet er stengt"), ("fr", "Ce site est suspendu")):
        door = _door(tmp_path, language)
        subprocess.run([sys.executable, door, "suspended", "<b>Ubetalt</b>"], check=True, capture_output=True)
        assert f'<html lang="{language}">' in page.read_text()
        assert f"<h1>{says}</h1><p>&lt;b&gt;Ubetalt&lt;/b&gt;</p>" in page.read_text()
    before = page.parent.readlink()
    subprocess.run([sys.executable, door, "suspended", "<b>Ubetalt</b>"], check=True, capture_output=True)
    assert page.parent.readlink() == before
    subprocess.run([sys.executable, door, "closed"], check=True, capture_output=True)
    assert "<p>Merci de revenir plus tard.</p>" in page.read_text()


def test_door_is_whole_at_every_moment(tmp_path: Path) -> None:
    """While one flips the door back and forth, whoever looks finds a state whole."""
    door = _door(tmp_path)

    def flip(state: str) -> str:
        done = subprocess.run([sys.executable, door, state], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert flip("closed") == "closed"
    ended = threading.Event()

    def back_and_forth() -> None:
        for _ in range(5):
            flip("open")
            flip("suspended")
        ended.set()

    flipping = threading.Thread(target=back_and_forth)
    flipping.start()
    now, seen = tmp_path / "run" / "door" / "now", set()
    while not ended.is_set():
        held = now.readlink()
        folder = os.open(now, os.O_RDONLY | os.O_DIRECTORY)
        try:
            content = os.open("state.json", os.O_RDONLY, dir_fd=folder)
            lets_in = "open" in os.listdir(folder)  # noqa: PTH208 - of the folder held open
        except FileNotFoundError:
            os.close(folder)
            continue  # flipped between the two looks: the old state was cleared away
        with os.fdopen(content) as file:
            state = json.load(file)["state"]
        os.close(folder)
        # Flipped meanwhile: what was looked at may have been half cleared away already.
        if now.readlink() == held:
            seen.add((state, lets_in))
    flipping.join()
    assert seen <= {("closed", False), ("open", True), ("suspended", False)}
    assert sorted(p.name for p in (tmp_path / "run" / "door").iterdir() if p.name.startswith("is-")) == [
        now.readlink().name
    ]


HOSTILE_PATHS = (
    b"../outside",
    b"inbox/../../outside",
    b"/inbox/../outside",
    b"inbox/../inbox/../outside",
    b"outside",
    b"inbox",
    b"inbox/",
    b"inbox/.",
    b"inbox/..",
    b"inbox/a/../../outside",
    b"inbox//../outside",
    b"inbox/sub/deeper",
    b"inbox/link",
    b"inbox/pipe",
    b"inbox/nul\0outside",
    b"//inbox/../outside",
    b"\xff\xfe/../outside",
    b"inbox/" + b"x" * 300,
    b"",
)


def test_inbox_lets_nothing_out(tmp_path: Path) -> None:
    """However an interface names a file, it is created in the inbox itself or not at all."""
    (tmp_path / "inbox" / "sub").mkdir(parents=True)
    (tmp_path / "outside").write_text("untouched")
    (tmp_path / "inbox" / "link").symlink_to(tmp_path / "outside")
    os.mkfifo(tmp_path / "inbox" / "pipe")
    before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
    server = _script("inbox", tmp_path)
    before[server] = server.stat().st_mtime_ns

    packets = [struct.pack(">IBI", 5, 1, 3)]
    for number, path in enumerate(HOSTILE_PATHS):
        body = struct.pack(">BI", 3, number) + struct.pack(">I", len(path)) + path
        body += struct.pack(">II", 2 | 8 | 16, 0)  # write, create, truncate; no attributes
        packets.append(struct.pack(">I", len(body)) + body)
    packets.append(struct.pack(">IBI", 9, 3, 99) + struct.pack(">I", 2**31))  # says more than it sends
    done = subprocess.run(
        [sys.executable, "-IS", server], input=b"".join(packets), capture_output=True, check=True, timeout=20
    )
    answers, left = {}, done.stdout
    while left:
        size = struct.unpack(">I", left[:4])[0]
        form, number = struct.unpack(">BI", left[4:9])
        answers[number] = form
        left = left[4 + size :]
    refused = 101
    assert {answers[number] for number in range(len(HOSTILE_PATHS))} == {refused}
    assert answers[99] == refused
    assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert done.stderr == b""
