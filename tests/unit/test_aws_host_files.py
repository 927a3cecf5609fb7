"""What a host on AWS is made of: its files, its door, its report, and the archives that it fetches."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from provisioning.aws import door
from provisioning.aws.artifacts import HOST_FILES, pack
from provisioning.aws.host_settings import environment_text
from provisioning.door_state import CLOSED_MARK, DoorState
from provisioning.errors import SiteError
from tests.support.aws_host import LANGUAGE, SECRET_VALUES, SECRETS, LaidDown, laid_down, settings, settle


@pytest.fixture
def host(tmp_path: Path) -> LaidDown:
    return laid_down(tmp_path)


def flip(host: LaidDown, *words: str) -> "subprocess.CompletedProcess[str]":
    env = {"PATH": f"{host.root / 'bin'}:/usr/bin:/bin"}
    command = [str(host.home / "bin" / "door"), *words]
    return subprocess.run(command, env=env, text=True, capture_output=True, check=False)


def test_every_name_in_the_files_is_known(host: LaidDown) -> None:
    """No file on the host has a name left in it, and no public one has a secret in it."""
    shutil.rmtree(host.root / "packed")  # what they were made of
    for path in (path for path in host.root.rglob("*") if path.is_file() and path.parent != host.root):
        text = path.read_text()
        assert set(re.findall(r"@[a-z_]+@", text)) <= {"@reason@"}, path
        if any(value in text for value in SECRET_VALUES.values()):
            assert path.stat().st_mode & 0o777 == 0o600, path
    assert not set(settings()) & set(SECRETS)


def test_what_a_site_does_not_have_leaves_no_file(host: LaidDown, tmp_path: Path) -> None:
    """A file that would hold nothing, such as an authority of a provider that needs none, is not written."""
    etc = host.home / "etc" / "application"
    assert (etc / "accounts-token").exists()
    assert not (etc / "accounts-ca.crt").exists()
    (tmp_path / "again").mkdir()
    served = laid_down(tmp_path / "again", accounts_authority="PEM")
    assert (served.home / "etc" / "application" / "accounts-ca.crt").read_text() == "PEM\n"


def test_the_door_shows_what_the_program_declares(host: LaidDown) -> None:
    """A flip by hand leaves the very rule that the next `pulumi up` declares, whatever the reason says."""
    for state in ("closed", "open", "suspended"):
        assert state in get_args(DoorState)
        reason = "Unpaid <since> März & more " * 40 if state == "suspended" else ""
        done = flip(host, state, *([reason] if reason else []))
        assert (done.returncode, done.stdout) == (0, f"{state}\n"), done.stderr
        assert flip(host).stdout == f"{state}\n"
        (action,) = host.kept["actions"]
        if state == "open":
            assert action == {"Type": "forward", "TargetGroupArn": "the-target-group"}
            continue
        page = action["FixedResponseConfig"]["MessageBody"]
        assert page == door.page(state, reason, LANGUAGE)
        assert CLOSED_MARK in page
        assert len(page.encode()) <= 1024


def test_a_second_flip_changes_nothing(host: LaidDown) -> None:
    """A door that is where it should be is only looked at."""
    for _ in range(2):
        assert flip(host, "closed").returncode == 0
    assert [words[5] for words in host.kept["asked"]].count("modify-rule") == 1


def test_a_door_that_cannot_move_says_so(host: LaidDown) -> None:
    """A state that is none, and a refusal by AWS, are told, and no state is printed."""
    assert "'ajar' is no state of a door" in flip(host, "ajar").stderr
    host.keep(actions=[])
    (host.root / "bin" / "aws").write_text("#!/bin/sh\necho AccessDenied >&2\nexit 254\n")
    done = flip(host, "open")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "door: AccessDenied\n")


def test_places_of_two_stacks_are_apart() -> None:
    """A site's rules have a place of their own; the way to verify is asked before any door."""
    places = {door.place_of(f"tenant-{number}-prod") for number in range(50)}
    assert len(places) == 50
    assert max(places) <= door.PLACES < door.PLACES + min(places)
    assert door.PLACES * 2 <= 50_000  # what a load balancer takes


def test_hosts_report_beside_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host's key stands with those of others; the oldest go; a repeat changes nothing."""
    host, program = laid_down(tmp_path), settle()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(program.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(program, "HOST_KEY", tmp_path / "key.pub")
    for number in range(6):
        (tmp_path / "key.pub").write_text(f"ssh-ed25519 key{number} root@somewhere\n")
        program.report_host_key(host.settings)
        before = host.kept["parameter"]
        program.report_host_key(host.settings)
        assert host.kept["parameter"] == before
    assert before.splitlines() == [f"ssh-ed25519 key{number}" for number in range(2, 6)]


def test_an_archive_is_its_content(tmp_path: Path) -> None:
    """The same files make the same archive; another byte makes another; what may run may run afterwards."""
    folder = tmp_path / "application"
    (folder / "inner").mkdir(parents=True)
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    (folder / "inner" / "data").write_text("1")
    first = pack(folder, "app-1.0.0", tmp_path / "a")
    shutil.copytree(folder, tmp_path / "copied")
    assert pack(tmp_path / "copied", "app-1.0.0", tmp_path / "b").key == first.key
    settle().unpack(first.path, tmp_path / "unpacked")
    assert os.access(tmp_path / "unpacked" / "run", os.X_OK)
    assert not os.access(tmp_path / "unpacked" / "inner" / "data", os.X_OK)
    (folder / "inner" / "data").write_text("2")
    assert pack(folder, "app-1.0.0", tmp_path / "a").key != first.key


def test_what_an_archive_would_lose_is_refused(tmp_path: Path) -> None:
    """What is missing or empty is no artifact, and neither is one with links."""
    with pytest.raises(SiteError, match="there is no artifact at"):
        pack(tmp_path / "nothing", "app", tmp_path / "a")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "run").symlink_to("/bin/true")
    with pytest.raises(SiteError, match="holds links"):
        pack(tmp_path / "linked", "app", tmp_path / "a")


def test_an_artifact_may_be_an_archive(tmp_path: Path) -> None:
    """A tar archive makes the same as the folder that is in it, and files from elsewhere come in beside."""
    folder = tmp_path / "application"
    folder.mkdir()
    (folder / "run").write_text("#!/bin/sh\n")
    subprocess.run(["tar", "-C", folder, "-cf", tmp_path / "application.tar", "."], check=True)
    plain = pack(folder, "app", tmp_path / "a")
    assert pack(tmp_path / "application.tar", "app", tmp_path / "b").digest == plain.digest
    beside = pack(folder, "app", tmp_path / "a", also={"inner/door": HOST_FILES / "public/srv/site/bin/door"})
    settle().unpack(beside.path, tmp_path / "unpacked")
    assert os.access(tmp_path / "unpacked" / "inner" / "door", os.X_OK)


def test_settings_come_out_as_they_went_in(tmp_path: Path) -> None:
    """Whatever a manifest sets, the application finds it so: quotes, dollars and spaces too."""
    values = {"APP_SETTING_A": """it's "5" $HOME `id` \\n""", "APP_SETTING_B": "Pflegeheim  Alp "}
    (tmp_path / "environment").write_text(environment_text(values))
    script = '. ./environment; printf "%s|%s" "$APP_SETTING_A" "$APP_SETTING_B"'
    said = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout == "|".join(values.values())


def test_units_are_sound(tmp_path: Path) -> None:
    """systemd itself finds nothing wrong with the units."""
    host = laid_down(tmp_path)
    units = tmp_path / "etc/systemd/system"
    run = host.home / "app" / host.settings["version"] / "run"
    run.parent.mkdir(parents=True)
    run.write_text("#!/bin/sh\n")
    run.chmod(0o755)
    files = sorted(path for path in units.iterdir() if path.is_file())
    for path in files:
        path.write_text(path.read_text().replace("RequiresMountsFor=/srv/data\n", ""))
    words = [str(path) for path in files]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *words], capture_output=True, text=True, check=False
    )
    about_ours = [line for line in (done.stdout + done.stderr).splitlines() if str(units) in line]
    assert about_ours == []


def test_host_files_are_executable_where_they_must_be() -> None:
    """What is started by its path may be started."""
    for name in ("settle", "public/srv/site/bin/door", "public/srv/site/bin/backup"):
        assert os.access(HOST_FILES / name, os.X_OK), name
