"""The double of the engine fails as the engine does: nothing that was done is forgotten."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.waiting import wait_until
from tests.support.engine_workspace import TinyWorkspace, tiny_workspace


@pytest.fixture
def tiny(tmp_path: Path) -> TinyWorkspace:
    return tiny_workspace(tmp_path)


def _until(happened: Callable[[], bool]) -> None:
    assert wait_until(happened, deadline_seconds=30, pace_seconds=0.05), "it did not happen in time"


def test_what_succeeded_is_kept(tiny: TinyWorkspace) -> None:
    """When one resource fails, those before it stay in the state and the next update goes on."""
    tiny.program('one = File("one", "hello")\nFile("two", "refuse", depends_on=[one])')

    done = tiny.pulumi("up", "--skip-preview")

    assert done.returncode == 255
    assert "tiny:index:File (two): error: two: this content is refused" in done.stdout
    assert "Traceback" not in done.stdout
    assert list(tiny.resources()) == ["one"]

    tiny.program('one = File("one", "hello")\nFile("two", "fine", depends_on=[one])')
    assert "+ 1 created" in tiny.up()


def test_a_failed_update_deletes_nothing(tiny: TinyWorkspace) -> None:
    """What left the program is not deleted while something else fails."""
    tiny.program('File("one", "hello")\nFile("two", "hello")')
    tiny.up()
    tiny.program('File("two", "refuse")')

    assert tiny.pulumi("up", "--skip-preview").returncode == 255
    assert (tiny.files / "one").exists()
    assert tiny.resources()["two"]["inputs"]["content"] == "hello"


def test_a_half_made_resource_is_known(tiny: TinyWorkspace) -> None:
    """A resource that was made but did not come up is in the state, and the next update mends it."""
    tiny.program('File("one", "half")')

    assert "error: only half" in tiny.pulumi("up", "--skip-preview").stdout
    assert tiny.resources()["one"]["initErrors"] == ["only half"]

    tiny.program('File("one", "whole")')
    assert "~ 1 updated" in tiny.up()
    assert "initErrors" not in tiny.resources()["one"]


def test_wrong_inputs_are_refused_before_anything(tiny: TinyWorkspace) -> None:
    """What the provider's Check finds is told with property and reason; nothing is made."""
    tiny.program('File("one", "")')

    done = tiny.pulumi("up", "--skip-preview")

    assert "resource 'one' has a problem: content: it is empty" in done.stdout
    assert not (tiny.files / "one").exists()


def test_a_run_error_is_shown_as_it_is(tiny: TinyWorkspace) -> None:
    """pulumi.RunError reaches a person as its text alone; any other exception with its traceback."""
    tiny.program('File("one", "hello")')
    tiny.up()
    tiny.program('raise pulumi.RunError("stacks/x.yaml: 2 to correct")')
    done = tiny.pulumi("up", "--skip-preview")
    assert done.returncode == 255
    assert "error: stacks/x.yaml: 2 to correct" in done.stdout
    assert "Traceback" not in done.stdout

    tiny.program('raise ValueError("broken")')
    done = tiny.pulumi("preview")
    assert (done.returncode, "ValueError: broken" in done.stdout) == (255, True)
    assert (tiny.files / "one").exists(), "a failed program deletes nothing"


def test_two_updates_of_one_stack_exclude_each_other(tiny: TinyWorkspace) -> None:
    """A second update is refused with the first one's process; so is one after a kill, until `cancel`."""
    tiny.program('File("one", "wait")\nFile("two", "hello")')
    with tiny.start("up", "--skip-preview") as first:
        _until((tiny.files / "one").exists)
        _until(lambda: "two" in tiny.resources())
        second = tiny.pulumi("up", "--skip-preview")
        assert second.returncode == 255
        assert "currently locked by 1 lock(s)" in second.stdout
        assert f"(pid {first.pid})" in second.stdout
        first.kill()
        first.wait()

    assert "currently locked" in tiny.pulumi("up", "--skip-preview").stdout
    assert list(tiny.resources()) == ["two"]
    assert tiny.pulumi("cancel", "--yes").returncode == 0

    (tiny.files / "one.go").touch()
    said = tiny.up()
    assert "1 pending operations" in said
    assert "one, interrupted while creating" in said
    assert "one" in tiny.resources()
    assert "pending" not in tiny.up()


def test_an_interrupted_update_ends_in_order(tiny: TinyWorkspace) -> None:
    """SIGINT lets the step at work end, begins no other, keeps the state and gives the lock back."""
    tiny.program('one = File("one", "wait")\nFile("two", one.path)')
    with tiny.start("up", "--skip-preview") as process:
        _until((tiny.files / "one").exists)
        process.send_signal(signal.SIGINT)
        (tiny.files / "one.go").touch()
        said, _ = process.communicate(timeout=60)

    assert process.returncode == 255
    assert "interrupted by SIGINT" in said
    assert list(tiny.resources()) == ["one"]
    assert "+ 1 created" in tiny.up()


def test_options_of_resources_are_honoured(tiny: TinyWorkspace) -> None:
    """ignore_changes, retain_on_delete and delete_before_replace do what they say."""
    elsewhere = tiny.files / "elsewhere"
    tiny.program(
        'File("a", "1", ignore_changes=["content"])\nFile("b", "1", retain_on_delete=True)\nFile("c", "1")'
    )
    tiny.up()
    tiny.program(
        'File("a", "2", ignore_changes=["content"])\n'
        f'File("c", "1", path={str(elsewhere)!r}, delete_before_replace=True)'
    )
    tiny.up()

    assert (tiny.files / "a").read_text() == "1"
    assert (tiny.files / "b").exists()
    assert sorted(tiny.resources()) == ["a", "c"]
    assert [path.name for path in (tiny.files / "c", elsewhere) if path.exists()] == ["elsewhere"]


def test_components_and_own_providers_work(tiny: TinyWorkspace) -> None:
    """Children stand below their component, and a provider of the program's own carries its resources."""
    tiny.program("""
provider = pulumi.ProviderResource("tiny", "mine", {"greeting": "hello"})
class Pair(pulumi.ComponentResource):
    def __init__(self):
        super().__init__("tiny:index:Pair", "pair")
        self.one = File("one", "hello", parent=self, provider=provider)
        self.register_outputs({"size": self.one.size})
Pair()
""")
    tiny.up()

    one = tiny.resources()["one"]
    assert one["urn"] == "urn:pulumi:tiny-test::tiny::tiny:index:Pair$tiny:index:File::one"
    assert one["provider"].startswith("urn:pulumi:tiny-test::tiny::pulumi:providers:tiny::mine::")
    assert tiny.resources()["pair"]["outputs"] == {"size": 5}
    gone = tiny.pulumi("destroy", "--skip-preview")
    assert gone.returncode == 0, gone.stdout
    assert not (tiny.files / "one").exists()


def test_a_resource_option_it_does_not_do_is_refused(tiny: TinyWorkspace) -> None:
    """Aliases, imports and the like end the update with status 2 instead of being ignored."""
    tiny.program('File("one", "hello", import_="/etc/hostname")')

    done = tiny.pulumi("up", "--skip-preview")

    assert done.returncode == 2
    assert "the double was not told of importId of a resource (tiny:index:File one)" in done.stdout
    assert not (tiny.files / "one").exists()


def test_a_plugin_that_is_not_there_is_named(tiny: TinyWorkspace) -> None:
    """A provider whose executable is missing, or which prints no port, fails by its path."""
    project = tiny.root / "Pulumi.yaml"
    plugin = tiny.root / "plugin" / "pulumi-resource-tiny"
    text = project.read_text()
    project.write_text(text[: text.index("      path:")] + "      path: plugin\n")
    tiny.program('File("one", "hello")')
    assert f"failed to load plugin {plugin}" in tiny.pulumi("preview").stdout

    plugin.parent.mkdir()
    plugin.write_text("#!/bin/sh\necho 'no python here' >&2\nexit 3\n")
    plugin.chmod(0o755)
    assert "no python here" in tiny.pulumi("preview").stdout


def test_state_is_the_engines_own_format(tiny: TinyWorkspace) -> None:
    """The checkpoint is version 3, and names the stack, as the engine would read it."""
    data = json.loads(tiny.checkpoint.read_text())

    assert (data["version"], data["checkpoint"]["stack"]) == (3, "tiny-test")
    assert tiny.checkpoint.stat().st_mode & 0o777 == 0o600
