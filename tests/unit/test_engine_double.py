"""The double of the engine does what the engine does, as far as Bascule leans on it."""

import json
from pathlib import Path

import pytest

from tests.support.engine_workspace import PASSPHRASE, TinyWorkspace, tiny_workspace

TWO = """
one = File("one", "hello")
File("two", one.size.apply(lambda size: f"size {size}"))
pulumi.export("size", one.size)
"""


@pytest.fixture
def tiny(tmp_path: Path) -> TinyWorkspace:
    return tiny_workspace(tmp_path)


def test_a_preview_touches_nothing(tiny: TinyWorkspace) -> None:
    """A preview shows what would be made, with what is not known yet, and makes none of it."""
    tiny.program(TWO)

    done = tiny.pulumi("preview")

    assert done.returncode == 0, done.stdout
    assert "by the double of the engine, not the engine" in done.stdout
    assert "+  tiny:index:File two create" in done.stdout
    assert 'size: "[unknown]"' in done.stdout
    assert list(tiny.files.iterdir()) == []
    assert tiny.resources() == {}


def test_an_update_makes_what_the_program_says(tiny: TinyWorkspace) -> None:
    """An update makes the resources in order, and a second one changes nothing."""
    tiny.program(TWO)

    assert "+ 3 created" in tiny.up()
    assert (tiny.files / "two").read_text() == "size 5"
    assert json.loads(tiny.pulumi("stack", "output", "--json").stdout) == {"size": 5}
    assert tiny.resources()["two"]["dependencies"] == [tiny.resources()["one"]["urn"]]

    again = tiny.pulumi("preview", "--refresh", "--expect-no-changes")
    assert again.returncode == 0, again.stdout
    assert "3 unchanged" in again.stdout


def test_drift_is_named_and_repaired(tiny: TinyWorkspace) -> None:
    """A resource changed by hand, and one that is gone, fail the check by name and are repaired."""
    tiny.program(TWO)
    tiny.up()
    (tiny.files / "one").write_text("by hand")
    (tiny.files / "two").unlink()

    assert tiny.pulumi("preview", "--expect-no-changes").returncode == 0, "without --refresh nobody looks"
    done = tiny.pulumi("preview", "--refresh", "--diff", "--expect-no-changes")

    assert done.returncode == 255
    assert "~  tiny:index:File one refresh [diff: ~content]" in done.stdout
    assert '~ content: "hello" => "by hand"' in done.stdout
    assert "tiny:index:File two delete (refresh: it is gone)" in done.stdout
    assert "no changes were expected but changes were proposed" in done.stdout

    tiny.up("--refresh")
    assert (tiny.files / "one").read_text() == "hello"
    assert (tiny.files / "two").read_text() == "size 5"


def test_refresh_takes_what_is_really_there(tiny: TinyWorkspace) -> None:
    """`refresh` alone writes the real state down and changes nothing."""
    tiny.program('File("one", "hello")')
    tiny.up()
    (tiny.files / "one").write_text("by hand")

    assert tiny.pulumi("refresh", "--yes").returncode == 0
    assert tiny.resources()["one"]["outputs"]["content"] == "by hand"
    assert (tiny.files / "one").read_text() == "by hand"


def test_what_the_program_drops_is_deleted(tiny: TinyWorkspace) -> None:
    """A resource that left the program is deleted; one with another path is replaced."""
    tiny.program(TWO)
    tiny.up()

    moved = tiny.files / "elsewhere"
    tiny.program(f'File("one", "hello", path={str(moved)!r})')
    said = tiny.up()

    assert "+- 1 replaced" in said
    assert sorted(path.name for path in tiny.files.iterdir()) == ["elsewhere"]
    assert list(tiny.resources()) == ["one"]


def test_a_protected_resource_stops_the_destroy(tiny: TinyWorkspace) -> None:
    """Destroy deletes nothing while one resource is protected, and says how that is lifted."""
    tiny.program('File("one", "hello")\nFile("two", "x", protect=True)\npulumi.export("a", 1)')
    tiny.up()
    urn = tiny.resources()["two"]["urn"]

    refused = tiny.pulumi("destroy", "--yes")
    assert refused.returncode == 255
    assert f"`pulumi state unprotect '{urn}'`" in refused.stdout
    assert (tiny.files / "one").exists()

    assert tiny.pulumi("state", "unprotect", urn, "--yes").returncode == 0
    assert tiny.pulumi("stack", "rm", "--yes").returncode == 255, "it still has resources"
    gone = tiny.pulumi("destroy", "--yes")
    assert gone.returncode == 0, gone.stdout
    assert list(tiny.files.iterdir()) == []
    assert json.loads(tiny.pulumi("stack", "output", "--json").stdout) == {}
    assert tiny.pulumi("stack", "rm", "--yes").returncode == 0
    assert not tiny.stack_file.exists()


def test_a_dropped_protected_resource_is_kept(tiny: TinyWorkspace) -> None:
    """A protected resource that left the program makes the update fail, and stays."""
    tiny.program('File("one", "hello", protect=True)')
    tiny.up()
    tiny.program("")

    done = tiny.pulumi("up", "--skip-preview")

    assert done.returncode == 255
    assert "because it is protected" in done.stdout
    assert (tiny.files / "one").exists()


def test_secrets_stay_secret(tiny: TinyWorkspace) -> None:
    """A secret is readable to the program and the provider, and nowhere in state, files or output."""
    assert tiny.pulumi("config", "set", "password", "--secret", given="hunter2\n").returncode == 0
    tiny.program("""
file = File("one", pulumi.Config().require_secret("password"), additional_secret_outputs=["size"])
pulumi.export("content", file.content)
pulumi.export("size", file.size)
""")

    said = tiny.up()
    (tiny.files / "one").write_text("hunter3")
    said += tiny.pulumi("preview", "--refresh", "--diff").stdout
    said += tiny.pulumi("stack", "output", "--json").stdout

    assert "hunter" not in said + tiny.checkpoint.read_text() + tiny.stack_file.read_text()
    assert '~ content: "[secret]" => "[secret]"' in said
    shown = tiny.pulumi("stack", "output", "--json", "--show-secrets")
    assert json.loads(shown.stdout) == {"content": "hunter2", "size": 7}
    assert tiny.pulumi("config", "get", "password").stdout == "hunter2\n"


def test_a_wrong_passphrase_opens_nothing(tiny: TinyWorkspace) -> None:
    """State and configuration are closed to a wrong passphrase, and to none."""
    wrong = tiny.pulumi("preview", PULUMI_CONFIG_PASSPHRASE="wrong")
    assert (wrong.returncode, "incorrect passphrase" in wrong.stdout) == (255, True)

    file = tiny.root / "passphrase"
    file.write_text(f"{PASSPHRASE}\n")
    env = tiny.environment() | {"PULUMI_CONFIG_PASSPHRASE_FILE": str(file)}
    del env["PULUMI_CONFIG_PASSPHRASE"]
    assert tiny.pulumi_with(env, "preview").returncode == 0
    del env["PULUMI_CONFIG_PASSPHRASE_FILE"]
    assert "passphrase must be set" in tiny.pulumi_with(env, "preview").stdout


def test_a_stack_file_keeps_its_comments(tiny: TinyWorkspace) -> None:
    """`config set` and `config rm` change their own lines and leave a person's alone."""
    tiny.stack_file.write_text(tiny.stack_file.read_text() + "config:\n  # why\n  tiny:door: open\n")

    for value in ("closed", "true", "007", "on: x", "1.5"):
        assert tiny.pulumi("config", "set", "door", value).returncode == 0
        assert tiny.pulumi("config", "get", "door").stdout == f"{value}\n"
    assert tiny.pulumi("config", "rm", "tiny:door").returncode == 0

    assert "  # why\n" in tiny.stack_file.read_text()
    assert "door" not in tiny.stack_file.read_text()
    assert tiny.pulumi("config", "get", "door").returncode == 255


@pytest.mark.parametrize(
    "words",
    [
        ["import", "x", "y", "z"],
        ["up", "--target", "x"],
        ["up", "--yes", "--continue-on-error"],
        ["preview", "--ref"],
        ["stack", "export"],
        ["config"],
        ["destroy", "--yes", "--remove"],
    ],
)
def test_what_it_was_not_told_of_is_refused(tiny: TinyWorkspace, words: list[str]) -> None:
    """A command or flag that Bascule does not use ends with status 2, by name."""
    done = tiny.pulumi(*words)

    assert done.returncode == 2
    assert "the double was not told of" in done.stdout


def test_an_update_is_not_begun_unasked(tiny: TinyWorkspace) -> None:
    """Without --yes nothing is changed, as there is nobody to ask."""
    done = tiny.pulumi("up")

    assert done.returncode == 255
    assert "--yes or --skip-preview must be passed" in done.stdout


def test_stacks_are_told_apart(tiny: TinyWorkspace) -> None:
    """A stack is made once, listed, selected, and refused when it does not exist."""
    assert tiny.pulumi("stack", "init", "tiny-prod").returncode == 0
    assert "already exists" in tiny.pulumi("stack", "init", "tiny-prod").stdout
    assert tiny.pulumi("stack", "ls").stdout.split() == ["NAME", "tiny-prod*", "tiny-test"]
    assert "no stack named 'other' found" in tiny.pulumi("preview", "-s", "other").stdout
    assert tiny.pulumi("stack", "select", "tiny-test").returncode == 0
    assert tiny.pulumi("version").stdout == "v3.259.0\n"
