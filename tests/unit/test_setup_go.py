"""Go for building the engine: the distribution's own where it is new enough, and else said what it has."""

from pathlib import Path

import pytest

from scripts import go_package, packages
from tools.pulumi import from_modules
from tools.pulumi.setting import Setting, WayClosedError

POLICY = """golang-go:
  Installed: (none)
  Candidate: {candidate}
  Version table:
"""


@pytest.mark.parametrize(
    ("candidate", "version"),
    [("2:1.24~2", (1, 24)), ("2:1.19~1", (1, 19)), ("1.22.2-2~build1", (1, 22)), ("(none)", None)],
)
def test_what_a_distribution_offers_is_read(candidate: str, version: tuple[int, int] | None) -> None:
    """As Debian 13, Debian 12 and an archive without epochs write it; nothing is no version."""
    assert go_package.offered(POLICY.format(candidate=candidate)) == version


def test_a_new_enough_one_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the installer of all system packages, under its one name."""
    installed: list[list[str]] = []
    monkeypatch.setattr(go_package, "offered", lambda _: (1, 24))
    monkeypatch.setattr(packages, "install", installed.append)
    go_package.ensure()
    assert installed == [["golang-go"]]


def test_an_older_one_is_not_installed_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It could not build the engine."""
    monkeypatch.setattr(go_package, "offered", lambda _: (1, 19))
    monkeypatch.setattr(packages, "install", lambda _: pytest.fail("installed all the same"))
    with pytest.raises(WayClosedError, match=r"no `go` of 1.21 or newer on PATH, and this .* is 1\.19"):
        go_package.ensure()


def test_whoever_may_not_install_reads_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way is closed then, and its answer has the line for somebody who is root."""
    monkeypatch.setattr(go_package, "offered", lambda _: (1, 24))
    monkeypatch.setattr(packages, "becoming_root", lambda: None)
    with pytest.raises(WayClosedError, match="apt-get install --no-install-recommends golang-go"):
        go_package.ensure()


def test_the_build_asks_for_it_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, before anything is fetched; without it the way is closed."""
    monkeypatch.setattr(from_modules, "USUAL_FOLDERS", (str(tmp_path / "usual"),))

    def refused() -> None:
        raise WayClosedError("nobody may", is_definite=False)

    setting = Setting(
        checkout=tmp_path, venv=tmp_path, cache=tmp_path, search_path=str(tmp_path), install_go=refused
    )
    with pytest.raises(WayClosedError, match="nobody may"):
        from_modules.build(setting, tmp_path)
