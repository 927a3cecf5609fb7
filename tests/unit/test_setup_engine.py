"""How the Pulumi engine comes onto a machine: three ways, proved with real servers and programs."""

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.releases import (
    CHECKSUMS,
    ENGINE,
    ReleaseServer,
    archive,
    executable,
    good_release,
    serving,
)
from tools.pulumi.acquire import acquire, is_usable, last_refusal
from tools.pulumi.release import archive_name
from tools.pulumi.setting import VERSION, EngineTamperedError, EngineUnavailableError, Setting, version_of

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def server() -> Iterator[ReleaseServer]:
    """A publisher with a good release."""
    with serving(good_release()) as running:
        yield running


@pytest.fixture
def setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setting:
    """A checkout with nothing: no pulumi, no Go that works, no host that answers."""
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    checkout = tmp_path / "checkout"
    (checkout / ".venv" / "bin").mkdir(parents=True)
    source = checkout / "tools" / "pulumi"
    executable(source / "language_host" / "pulumi-language-python", "#!/bin/sh\necho ours\n")
    (source / "go.mod").write_text("module example\n")
    (source / "go.sum").write_text("")
    refusal = "go: github.com/pulumi/pulumi/pkg/v3@v0: reading https://modules.invalid/x.zip: 403 Forbidden"
    bin_folder = executable(tmp_path / "bin" / "go", f"#!/bin/sh\necho '{refusal}' >&2; exit 1\n").parent
    return Setting(
        checkout=checkout,
        venv=checkout / ".venv",
        cache=tmp_path / "cache",
        releases="http://127.0.0.1:1",  # nothing listens on it
        search_path=f"{bin_folder}:/usr/bin:/bin",
        connect_timeout_seconds=0.3,
        say=lambda _text: None,
    )


def pulumi_on_path(setting: Setting, version: str = VERSION, *, language_host: bool = True) -> Setting:
    """Put a pulumi of this version first on the setting's PATH."""
    folder = setting.checkout.parent / f"owner-{version}"
    executable(folder / "pulumi", f"#!/bin/sh\necho v{version}\n")
    if language_host:
        executable(folder / "pulumi-language-python", "#!/bin/sh\n")
    return replace(setting, search_path=f"{folder}:{setting.search_path}")


def working_go(setting: Setting, log: Path) -> None:
    """Replace the refusing go by one that "builds" the engine and knows the SDK module's folder."""
    sdk = setting.checkout.parent / "sdk"
    executable(sdk / "python/cmd/pulumi-language-python-exec", "#!/bin/sh\n")
    executable(sdk / "python/dist/pulumi-resource-pulumi-python", "#!/bin/sh\n").chmod(0o444)
    program = f"""#!{sys.executable}
import pathlib, sys
words = sys.argv[1:]
with open({str(log)!r}, "a") as log: log.write(" ".join(words[:2]) + "\\n")
if words[0] == "list":
    print({str(sdk)!r})
else:
    target = pathlib.Path(words[words.index("-o") + 1])
    target.write_text({ENGINE!r}); target.chmod(0o755)
"""
    executable(setting.checkout.parent / "bin" / "go", program)


def engine_says(setting: Setting) -> str:
    """What the linked engine answers to ``version``."""
    command = [str(setting.link / "pulumi"), "version"]
    return subprocess.run(command, text=True, capture_output=True, check=True).stdout.strip()


def test_owners_pulumi_is_used_as_it_is(setting: Setting, server: ReleaseServer) -> None:
    """A pulumi on PATH that is new enough and has its language host is linked, and nothing is downloaded."""
    setting = replace(pulumi_on_path(setting, "3.300.1"), releases=server.url)

    done = acquire(setting)

    assert done is not None
    assert "of this machine" in done
    assert engine_says(setting) == "v3.300.1"
    assert server.asked == []
    assert acquire(setting) is None


def test_owner_replaces_their_pulumi(setting: Setting) -> None:
    """A pulumi on PATH that changed after it was linked is looked at again."""
    setting = pulumi_on_path(setting)
    acquire(setting)
    path = executable(
        setting.checkout.parent / f"owner-{VERSION}" / "pulumi", "#!/bin/sh\necho v3.1.0 # old\n"
    )
    assert path.exists()

    with pytest.raises(EngineUnavailableError, match=r"is v3\.1\.0, v3\.259\.0 is needed"):
        acquire(setting)

    assert not setting.link.exists()


@pytest.mark.parametrize(
    ("version", "language_host", "answer"),
    [
        ("3.258.9", True, "is v3.258.9, v3.259.0 is needed"),
        ("4.0.0", True, "is v4.0.0, v3.259.0 is needed"),
        ("dev-build", True, "does not tell its version"),
        (VERSION, False, "stands without pulumi-language-python"),
    ],
)
def test_unfit_pulumi_is_left_alone(
    setting: Setting, server: ReleaseServer, version: str, language_host: bool, answer: str
) -> None:
    """A pulumi that is too old, too new by a major version, or without its language host is not used."""
    unfit = pulumi_on_path(setting, version, language_host=language_host)

    with pytest.raises(EngineUnavailableError) as told:
        acquire(unfit)
    assert answer in str(told.value)

    acquire(replace(unfit, releases=server.url), again=True)
    assert engine_says(setting) == f"v{VERSION}"


def test_our_own_wrapper_is_no_engine(setting: Setting) -> None:
    """The `pulumi` in .venv/bin and the tests' double are of this checkout and never taken for the engine."""
    executable(setting.venv / "bin" / "pulumi", ENGINE)
    double = executable(setting.checkout / "tests" / "bin" / "pulumi", ENGINE)
    path = f"{setting.venv / 'bin'}:{double.parent}:{setting.search_path}"

    with pytest.raises(EngineUnavailableError, match="pulumi on PATH: there is none"):
        acquire(replace(setting, search_path=path))


def test_release_is_fetched_once(setting: Setting, server: ReleaseServer) -> None:
    """The official release is downloaded, checked and linked; another checkout takes it from the cache."""
    setting = replace(setting, releases=server.url)
    assert acquire(setting) == f"{VERSION}, official release"
    assert engine_says(setting) == f"v{VERSION}"
    assert server.asked == [CHECKSUMS, f"/{archive_name()}"]
    assert not list(setting.cache.glob(".making*"))

    second = replace(setting, venv=setting.checkout.parent / "second" / ".venv")
    second.venv.mkdir(parents=True)
    assert acquire(second) == f"{VERSION} from the cache (release)"
    assert len(server.asked) == 2


@pytest.mark.parametrize("sums", ["{wrong}  {name}\n", "{wrong}  other.tar.gz\n", "<html>not found</html>"])
def test_wrong_checksum_is_an_error(
    setting: Setting, server: ReleaseServer, tmp_path: Path, sums: str
) -> None:
    """An archive that is not the published one ends set-up: Go is not asked."""
    server.files[CHECKSUMS] = sums.format(wrong="f" * 64, name=archive_name()).encode()
    working_go(setting, tmp_path / "go.log")

    with pytest.raises(EngineTamperedError):
        acquire(replace(setting, releases=server.url))

    assert not (tmp_path / "go.log").exists()
    assert not setting.link.exists()
    assert [path.name for path in setting.cache.iterdir()] == [".lock"]


def test_archive_cannot_write_elsewhere(setting: Setting, server: ReleaseServer) -> None:
    """Members outside the archive's one folder are not written, whatever their names."""
    members = {"pulumi/pulumi": ENGINE, "../../evil": "x", "/tmp/evil": "x", "pulumi/a/b": "x"}  # noqa: S108 - never written
    packed = archive(members)
    server.files[f"/{archive_name()}"] = packed
    server.files[CHECKSUMS] = f"{hashlib.sha256(packed).hexdigest()} *{archive_name()}".encode()

    acquire(replace(setting, releases=server.url))

    assert sorted(path.name for path in setting.link.iterdir()) == ["origin.json", "pulumi"]


def test_broken_off_download_goes_on_to_go(setting: Setting, server: ReleaseServer, tmp_path: Path) -> None:
    """A download that breaks off is not unpacked; the engine is then built."""
    server.cut_after = 40
    working_go(setting, tmp_path / "go.log")

    assert acquire(replace(setting, releases=server.url)) == f"{VERSION}, public Go modules"


def test_host_that_does_not_answer_costs_one_time_out(setting: Setting) -> None:
    """A host that takes no connection is given up after the connect time-out."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]  # a full backlog leaves further connects unanswered
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            began = time.monotonic()
            with pytest.raises(EngineUnavailableError, match="timed out"):
                acquire(replace(setting, releases=f"http://127.0.0.1:{full.getsockname()[1]}"))
            assert time.monotonic() - began < 3
        finally:
            for filler in fillers:
                filler.close()


def test_silent_host_is_given_up(setting: Setting) -> None:
    """A host that accepts and then says nothing is given up after the read time-out."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        slow = replace(setting, releases=f"http://127.0.0.1:{port}", read_timeout_seconds=0.3)
        with pytest.raises(EngineUnavailableError, match="timed out"):
            acquire(slow)


def test_built_from_go_modules_with_our_language_host(setting: Setting, tmp_path: Path) -> None:
    """Without the release host Go builds the engine; our language host lies beside it."""
    working_go(setting, tmp_path / "go.log")

    assert acquire(setting) == f"{VERSION}, public Go modules"

    assert sorted(path.name for path in setting.link.iterdir()) == [
        "origin.json",
        "pulumi",
        "pulumi-language-python",
        "pulumi-language-python-exec",
        "pulumi-resource-pulumi-python",
    ]
    assert all(os.access(path, os.X_OK) for path in setting.link.glob("pulumi*"))
    assert (tmp_path / "go.log").read_text() == "build -mod=readonly\nlist -mod=readonly\n"


def test_a_module_with_another_sum_ends_it(setting: Setting) -> None:
    """What Go calls a security error is said as one, and not remembered as a closed way."""
    said = "verifying example.org/x@v1.0.0: checksum mismatch\n\nSECURITY ERROR\nThis download does NOT match"
    executable(setting.checkout.parent / "bin" / "go", f"#!/bin/sh\ncat >&2 <<'E'\n{said}\nE\nexit 1\n")

    with pytest.raises(EngineTamperedError, match=r"go\.sum says:\n  verifying example\.org/x@v1\.0\.0"):
        acquire(setting)

    assert not setting.link.exists()
    assert last_refusal(setting) is None


def test_changed_language_host_needs_no_second_build(setting: Setting, tmp_path: Path) -> None:
    """The minutes of building are spent once; another language host is laid beside the same engine."""
    working_go(setting, tmp_path / "go.log")
    acquire(setting)
    executable(setting.source / "language_host" / "pulumi-language-python", "#!/bin/sh\necho newer\n")

    assert not is_usable(setting)
    assert acquire(setting) == f"{VERSION} from the cache (modules)"

    assert "newer" in (setting.link / "pulumi-language-python").read_text()
    assert (tmp_path / "go.log").read_text().count("build -mod=readonly") == 1


def test_every_way_closed_names_each_answer(setting: Setting, server: ReleaseServer) -> None:
    """One error names each way with what answered, and the command to type next."""
    server.files.clear()
    with pytest.raises(EngineUnavailableError) as told:
        acquire(replace(setting, releases=server.url))

    assert str(told.value) == (
        "no way to Pulumi 3.259.0 on this machine:\n"
        "  pulumi on PATH: there is none\n"
        f"  official release: {server.url}{CHECKSUMS} answered 403 Forbidden\n"
        "  public Go modules: go: github.com/pulumi/pulumi/pkg/v3@v0: reading https://modules.invalid/x.zip: "
        "403 Forbidden\n"
        "  (asked just now)\n"
        "Sites cannot be stood up here; all else that set-up makes is in place.\n"
        "Next: install pulumi 3.259.0 on PATH or open one of the ways, then `make setup ENGINE=retry`"
    )


def test_refusal_is_remembered_until_asked_again(setting: Setting, server: ReleaseServer) -> None:
    """A refused machine does not ask on every run, but does when told to or when pulumi gets installed."""
    good = dict(server.files)
    server.files.clear()
    setting = replace(setting, releases=server.url)
    for _ in range(3):
        with pytest.raises(EngineUnavailableError):
            acquire(setting)
    assert server.asked == [CHECKSUMS]
    assert last_refusal(setting) is not None

    acquire(pulumi_on_path(setting))
    assert engine_says(setting) == f"v{VERSION}"

    server.files.update(good)
    assert acquire(setting, again=True) == f"{VERSION}, official release"


def test_killed_run_leaves_nothing_to_trip_over(setting: Setting, server: ReleaseServer) -> None:
    """What a killed run had begun is thrown away; the next run makes it whole."""
    begun = setting.cache / ".making-release"
    begun.mkdir(parents=True)
    executable(begun / "pulumi", "half")

    acquire(replace(setting, releases=server.url))

    assert engine_says(setting) == f"v{VERSION}"
    assert not begun.exists()


def test_two_checkouts_at_once_fetch_it_once(setting: Setting, server: ReleaseServer) -> None:
    """Two set-ups at the same time share one download, and both end with their engine."""
    program = (
        "import sys; from pathlib import Path; from tools.pulumi.acquire import acquire;"
        "from tools.pulumi.setting import Setting; here = Path(sys.argv[1]);"
        "(here / '.venv').mkdir(parents=True);"
        "acquire(Setting(checkout=here, venv=here / '.venv', cache=Path(sys.argv[2]), releases=sys.argv[3],"
        "search_path='/usr/bin:/bin'))"
    )
    folders = [setting.checkout.parent / name for name in ("one", "two")]
    words = [[sys.executable, "-c", program, str(f), str(setting.cache), server.url] for f in folders]
    running = [subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.DEVNULL) for command in words]

    assert [process.wait(timeout=60) for process in running] == [0, 0]

    assert all((folder / ".venv" / "pulumi-engine" / "pulumi").exists() for folder in folders)
    assert server.asked.count(f"/{archive_name()}") == 1


@pytest.mark.parametrize(
    ("said", "numbers"),
    [("v3.259.0\n", (3, 259, 0)), ("3.260.0-alpha.1", (3, 260, 0)), ("", None), ("dev", None)],
)
def test_version_is_read_from_what_pulumi_says(said: str, numbers: tuple[int, ...] | None) -> None:
    """Release and development builds tell their version alike; anything else is none."""
    assert version_of(said) == numbers
