"""Who logs in to a local host, by which key, and how far that leads."""

import os
import subprocess
from pathlib import Path

from migrate.connections import write_access
from provisioning.local import ports
from tests.support.standing_site import Standing


def test_login_serves_commands_sftp_and_rsync(standing: Standing, tmp_path: Path) -> None:
    """One key logs in for commands, sftp and rsync alike, and all of them begin in the host's folder."""
    config = write_access(standing.stack.workspace, standing.stack.name, standing.site.ssh)
    (tmp_path / "letter").write_text("grüezi")
    subprocess.run(
        ["rsync", "-a", "-e", f"ssh -F {config}", f"{tmp_path}/letter", f"{standing.site.ssh.alias}:files/"],
        check=True,
        timeout=20,
    )
    assert standing.ssh("cat files/letter").stdout == "grüezi"
    got = subprocess.run(
        ["sftp", "-q", "-b", "-", "-F", str(config), standing.site.ssh.alias],
        input=f"get files/letter {tmp_path}/back\nrm files/letter\n",
        text=True,
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert got.returncode == 0, got.stderr
    assert (tmp_path / "back").read_text() == "grüezi"


def test_unknown_host_key_is_refused(standing: Standing, tmp_path: Path) -> None:
    """Who was given another host key than the host's does not log in."""
    config = write_access(standing.stack.workspace, standing.stack.name, standing.site.ssh)
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    key = " ".join(other.with_suffix(".pub").read_text().split()[:2])
    wrong = tmp_path / "known_hosts"
    wrong.write_text(f"[{standing.address}]:{ports.SSH} {key}\n")
    done = subprocess.run(
        ["ssh", "-F", str(config), "-o", f"UserKnownHostsFile={wrong}", standing.site.ssh.alias, "true"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 255
    assert "HOST IDENTIFICATION HAS CHANGED" in done.stderr


def test_interface_reaches_its_inbox_and_nothing_else(standing: Standing, tmp_path: Path) -> None:
    """An interface's key drops, lists and takes files in the inbox; nothing it says leads out of it."""
    config = write_access(standing.stack.workspace, standing.stack.name, standing.site.ssh)
    text = config.read_text()
    # The same host under another name, with the interface's key and not the operator's.
    alias, identity, key = standing.site.ssh.alias, config.with_name("identity"), str(standing.interface_key)
    config.write_text(
        text + text.replace(f"Host {alias}", f"Host interface-{alias}").replace(str(identity), key)
    )
    mine = tmp_path / "message"
    mine.write_bytes(os.urandom(300_000))
    standing.place.run("ln", "-sfn", standing.place.path("etc"), standing.place.path("inbox/way-out"))
    standing.place.run("ln", "-sf", standing.place.path("etc/ssh/host_key"), standing.place.path("inbox/key"))

    def interface(*commands: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sftp", "-q", "-b", "-", "-F", str(config), f"interface-{alias}"],
            input="\n".join(commands) + "\n",
            text=True,
            capture_output=True,
            timeout=20,
            check=False,
        )

    dropped = interface(
        f"put {mine} inbox/.m1", "rename inbox/.m1 inbox/m1", "ls -1 inbox", f"get inbox/m1 {mine}.back"
    )
    assert dropped.returncode == 0, dropped.stderr
    assert "inbox/m1" in dropped.stdout
    assert mine.with_suffix(".back").read_bytes() == mine.read_bytes()
    assert standing.place.path("inbox/m1").read_bytes() == mine.read_bytes()
    assert interface("rm inbox/m1").returncode == 0

    for attempt in (
        f"get etc/ssh/host_key {tmp_path}/stolen",
        f"get inbox/../etc/ssh/host_key {tmp_path}/stolen",
        f"get {standing.place.folder}/etc/ssh/host_key {tmp_path}/stolen",
        f"get inbox/key {tmp_path}/stolen",
        f"get inbox/way-out/ssh/host_key {tmp_path}/stolen",
        f"put {mine} etc/ssh/authorized_keys",
        f"put {mine} inbox/way-out/application/pgpass",
        f"put {mine} inbox/key",
        "ls etc",
        "mkdir inbox/more",
        "symlink /etc/passwd inbox/passwd",
    ):
        assert (attempt, interface(attempt).returncode) != (attempt, 0)
    assert not (tmp_path / "stolen").exists()
    shell = subprocess.run(
        [
            "ssh",
            "-F",
            str(config),
            "-i",
            str(standing.interface_key),
            f"interface-{alias}",
            "cat etc/ssh/host_key",
        ],
        capture_output=True,
        timeout=20,
        check=False,
        input=b"",
    )
    assert b"PRIVATE KEY" not in shell.stdout
    standing.place.run("rm", "-f", standing.place.path("inbox/way-out"), standing.place.path("inbox/key"))
    same, told = standing.stack.matches_its_program()
    assert same, told
