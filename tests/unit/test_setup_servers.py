"""Set-up fetches the servers that only tests need, once, and goes on without them where it cannot."""

import os
from pathlib import Path

import pytest

from scripts import packages, postgres_servers


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout that locks one server, on a machine with nothing on its PATH."""
    folder = tmp_path / "tests" / "support" / "postgres"
    folder.mkdir(parents=True)
    (folder / "package-lock.json").write_text("{}")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return tmp_path


def npm(checkout: Path, text: str) -> None:
    program = checkout / "bin" / "npm"
    program.write_text(f'#!/bin/sh\necho "$@" >> {checkout}/asked\n{text}\n')
    program.chmod(0o755)


def asked(checkout: Path) -> list[str]:
    return (checkout / "asked").read_text().splitlines()


def test_fetched_once_and_no_script_of_theirs_is_run(checkout: Path) -> None:
    """A second run asks nobody; another lock file does."""
    folder = checkout / "tests" / "support" / "postgres"
    npm(checkout, f"mkdir -p {folder}/node_modules/postgres-12")

    assert postgres_servers.ensure(checkout) == "PostgreSQL 12 for tests"
    assert postgres_servers.ensure(checkout) is None

    assert [words.split()[:2] for words in asked(checkout)] == [["ci", "--ignore-scripts"]]
    (folder / "package-lock.json").write_text('{"other": true}')
    assert postgres_servers.ensure(checkout) is not None


def test_a_registry_that_fails_is_told_and_asked_again(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Set-up goes on without them, says what will not be run, and tries anew next time."""
    npm(checkout, "echo npm ERR 503 >&2; exit 1")

    assert postgres_servers.ensure(checkout) is None

    said = capsys.readouterr().err
    assert "NOT AVAILABLE: fetching PostgreSQL servers ended with 1:\n  npm ERR 503" in said
    assert "Tests on other PostgreSQL versions than this machine's are not run." in said
    postgres_servers.ensure(checkout)
    assert len(asked(checkout)) == 2


def test_npm_is_installed_where_there_is_none(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever may not install it reads the line to type, and which tests are not run."""
    monkeypatch.setenv("PATH", str(checkout / "bin"))
    monkeypatch.setattr(packages, "becoming_root", lambda: None)

    assert postgres_servers.ensure(checkout) is None

    said = capsys.readouterr().err
    assert "apt-get install --no-install-recommends npm" in said
    assert "Tests on other PostgreSQL versions than this machine's are not run." in said
