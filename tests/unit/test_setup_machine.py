"""Set-up on a machine: which packages are missing, and that installing them touches no service."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import packages
from scripts.commands import SetUpError, failed, run
from scripts.install_packages import DENY, Machine, services_held_back, signals_wait
from scripts.packages import Wanted, distribution, left_out, missing, wanted

CHECKOUT = Path(__file__).resolve().parents[2]
OWNERS = "#!/bin/sh\n# the owner's\nexit 104\n"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine's folders without anything in them."""
    for folder in ("usr/sbin", "var/lib/systemd/deb-systemd-helper-enabled", "etc/systemd/system"):
        (tmp_path / folder).mkdir(parents=True)
    return Machine(tmp_path)


def everything_below(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Each file's inode, mode and content by its path: what "exactly as before" means."""
    files = (path for path in root.rglob("*") if path.is_symlink() or path.is_file())
    return {
        str(path.relative_to(root)): (path.lstat().st_ino, path.lstat().st_mode, path.read_bytes())
        for path in files
    }


def test_policy_is_denied_for_the_duration_only(machine: Machine) -> None:
    """Services cannot be started while packages are installed; then nothing of it is left."""
    with services_held_back(machine):
        assert subprocess.run([machine.policy], check=False).returncode == 101
        assert "create_main_cluster = false" in machine.no_cluster.read_text()

    assert everything_below(machine.root) == {}


@pytest.mark.parametrize("kind", ["file", "link"])
def test_owners_policy_comes_back_exactly(machine: Machine, kind: str) -> None:
    """The owner's policy is afterwards the same file, link or not, also when the installation fails."""
    real = machine.policy if kind == "file" else machine.root / "usr/sbin/elsewhere"
    real.write_text(OWNERS)
    real.chmod(0o750)
    if kind == "link":
        machine.policy.symlink_to("elsewhere")
    before = everything_below(machine.root)

    def failing_installation() -> None:
        with services_held_back(machine):
            assert machine.policy.read_text() == DENY
            raise RuntimeError("apt")

    with pytest.raises(RuntimeError, match="apt"):
        failing_installation()

    assert everything_below(machine.root) == before


def test_policy_comes_back_when_the_last_of_the_killed_is_gone(machine: Machine) -> None:
    """After kill -9 services stay denied while apt still works, and the owner's policy is back after it."""
    machine.policy.write_text(OWNERS)
    before = everything_below(machine.root)
    program = (
        "import os, signal, subprocess, sys; from pathlib import Path;"
        "from scripts.install_packages import Machine, services_held_back\n"
        "with services_held_back(Machine(Path(sys.argv[1]))) as held:\n"
        "    print(subprocess.Popen(['cat'], pass_fds=(held,), stdin=0).pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    words = [sys.executable, "-c", program, str(machine.root)]
    killed = subprocess.Popen(words, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert killed.stdin is not None
    assert killed.stdout is not None
    killed.stdout.readline()
    assert killed.wait() == -signal.SIGKILL
    assert machine.policy.read_text() == DENY

    killed.stdin.close()  # `cat`, which plays apt, ends
    killed.stdout.read()  # ends when nobody holds it any more: `cat` and the guardian are gone
    killed.stdout.close()

    assert everything_below(machine.root) == before


def test_next_run_restores_what_a_power_cut_left(machine: Machine) -> None:
    """Where not even the guardian lived, the next set-up puts the owner's policy back first."""
    machine.policy.write_text(OWNERS)
    before = everything_below(machine.root)
    machine.hold_back()

    machine.restore()
    machine.restore()

    assert everything_below(machine.root) == before


def test_new_units_end_disabled_and_old_ones_stay(machine: Machine) -> None:
    """A unit that came with the installation is disabled; one that the owner had enabled stays so."""
    units = machine.root / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    wants = machine.root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir()

    def debian_enables(unit: str) -> None:
        (units / unit).write_text("[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n")
        (wants / unit).symlink_to(f"/usr/lib/systemd/system/{unit}")
        helper = machine.root / "var/lib/systemd/deb-systemd-helper-enabled"
        (helper / f"{unit}.dsh-also").write_text("")

    debian_enables("ssh.service")
    (units / "postgresql.service").write_text("")  # unpacked by a run that was killed, never enabled

    with services_held_back(machine):
        debian_enables("nginx.service")
        debian_enables("postgresql.service")
        debian_enables("mariadb.service")

    assert [path.name for path in wants.iterdir()] == ["ssh.service"]


def test_interrupt_waits_for_dpkg() -> None:
    """Ctrl-C and a termination request wait until the installation is through."""
    with signals_wait() as came:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)

    assert came == [signal.SIGINT, signal.SIGTERM]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_package_list_is_read_with_its_alternatives() -> None:
    """One package a line, alternatives and the only distribution beside it."""
    rules = wanted("# why\nnginx | nginx-light  # door\n\nchromium [debian]\n")

    assert rules == [Wanted(("nginx", "nginx-light")), Wanted(("chromium",), "debian")]
    assert missing(rules, {"nginx-light"}, "debian") == ["chromium"]
    assert missing(rules, set(), "ubuntu") == ["nginx"]
    assert left_out(rules, set(), "ubuntu") == ["chromium"]
    assert left_out(rules, {"chromium"}, "ubuntu") == []


def test_the_real_list_names_what_the_design_needs() -> None:
    """The servers of a site and what their makers call are in the list."""
    names = {
        name for rule in wanted((CHECKOUT / "scripts/packages.txt").read_text()) for name in rule.alternatives
    }

    assert {"postgresql", "nginx", "openssh-server", "rsync", "python3-venv", "postgresql-15"} <= names
    assert {"mariadb-server", "mariadb-client"} <= names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('PRETTY_NAME="x"\nID=debian\n', "debian"),
        ('VERSION_ID="24.04"\nID="ubuntu"\n', "ubuntu"),
        ("", "unknown"),
    ],
)
def test_distribution_is_read_from_os_release(text: str, name: str) -> None:
    """ID is what tells them apart, wherever in the file it stands."""
    assert distribution(text) == name


def test_without_root_the_one_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root and sudo nothing is installed; the error holds the one line to type."""
    monkeypatch.setattr(packages, "installed", lambda: {"make", "git"})
    monkeypatch.setattr(
        packages, "wanted", lambda _text: [Wanted(("rsync",)), Wanted(("nginx", "nginx-light"))]
    )
    monkeypatch.setattr(packages, "becoming_root", lambda: None)

    with pytest.raises(SetUpError) as told:
        packages.ensure()

    assert str(told.value) == (
        "2 system packages are missing, and this user is neither root nor may use sudo\n"
        "Next: let somebody who is root type\n"
        "\n"
        "    apt-get install --no-install-recommends rsync nginx\n"
    )


def test_complete_machine_is_only_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is missing nobody asks for root."""
    monkeypatch.setattr(packages, "wanted", lambda _text: [Wanted(("base-files",))])
    monkeypatch.setattr(packages, "becoming_root", lambda: pytest.fail("asked for root"))

    assert packages.ensure() is None


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("error: No space left on device (os error 28)", "A disk is full: "),
        ("curl: Temporary failure in name resolution", "The network, or the server asked, did not answer."),
        ("it broke", "Next: make setup, after mending the cause above"),
    ],
)
def test_failure_says_its_likely_cause(output: str, said: str) -> None:
    """A full disk and a missing network are told as such, with the program's own words."""
    text = str(failed("doing it", 3, output))

    assert text.startswith(f"doing it ended with 3:\n  {output}\n")
    assert said in text


def test_missing_program_is_told() -> None:
    """A program that is not there is an error of ours and no traceback."""
    with pytest.raises(SetUpError, match="doing it: no-such-program cannot be started: No such file"):
        run("doing it", ["no-such-program"])
