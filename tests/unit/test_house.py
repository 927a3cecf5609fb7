"""The rules of the house, checked on every file that belongs to the project."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from tools.pulumi.setting import VERSION

CHECKOUT = Path(__file__).resolve().parents[2]
LONGEST_FILE_LINES = 500
USUAL_FILE_LINES = 250
NOT_OURS = {"uv.lock", "LICENSE"}


def project_files() -> list[Path]:
    """What git tracks or would track; in an unpacked archive, everything that is no cache."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        found = [CHECKOUT / name for name in done.stdout.split("\0") if name]
    else:
        found = [p for p in CHECKOUT.rglob("*") if not {".venv", ".state", "__pycache__"} & set(p.parts)]
    return sorted(path for path in found if path.is_file() and path.name not in NOT_OURS)


def texts() -> Iterator[tuple[str, str]]:
    """Path and content of every text file of the project."""
    for path in project_files():
        try:
            yield str(path.relative_to(CHECKOUT)), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Path and syntax tree of every Python module; one that cannot be read fails a test of its own."""
    for name, text in texts():
        if name.endswith(".py") and (tree := parsed(name, text)):
            yield name, tree


def parsed(name: str, text: str) -> ast.Module | None:
    """Syntax tree, or None for a module that this Python cannot read."""
    try:
        return ast.parse(text, name)
    except SyntaxError:
        return None


def imported(tree: ast.Module) -> Iterator[str]:
    """Names of the modules that a module imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_there_are_files_to_look_at() -> None:
    """The rules are checked on something: an empty list would pass them all."""
    names = [name for name, _ in modules()]

    assert {name.split("/")[0] for name in names} >= {"provisioning", "migrate", "scripts", "tools", "tests"}


def test_every_module_can_be_read() -> None:
    """Each module is Python as this version understands it."""
    assert [name for name, text in texts() if name.endswith(".py") and parsed(name, text) is None] == []


def test_no_file_is_too_long() -> None:
    """Nobody has to read more than 500 lines to understand one subject."""
    long = {
        name: text.count("\n") for name, text in texts() if name.endswith((".py", ".sql", ".yaml", ".html"))
    }

    assert {name: lines for name, lines in long.items() if lines > LONGEST_FILE_LINES} == {}
    assert median(long.values()) < USUAL_FILE_LINES


def test_every_module_says_what_it_is_for() -> None:
    """A module opens with its purpose."""
    assert [name for name, tree in modules() if tree.body and not ast.get_docstring(tree)] == []


def test_every_module_says_what_it_promises() -> None:
    """What can be relied upon stands at the top of each module that does something."""
    silent = [
        name
        for name, tree in modules()
        if not name.endswith("__init__.py")
        and not re.search(r"(^|/)(test_\w+|conftest)\.py$", name)
        and "Promise:" not in (ast.get_docstring(tree) or "")
    ]

    assert silent == []


def test_every_test_says_what_it_proves() -> None:
    """A test's docstring is the sentence that it proves."""
    silent = [
        f"{name}::{node.name}"
        for name, tree in modules()
        if name.startswith("tests/")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not ast.get_docstring(node)
    ]

    assert silent == []


def test_provisioning_knows_nothing_of_migrations() -> None:
    """Arrows point one way: sites can be stood up without the part that moves tenants onto them."""
    wrong = [
        f"{name} imports {module}"
        for name, tree in modules()
        if name.startswith("provisioning/")
        for module in imported(tree)
        if module.split(".")[0] in ("migrate", "tests", "examples", "scripts")
    ]

    assert wrong == []


def test_migrations_read_the_contract_and_never_a_substrates_insides() -> None:
    """What moves a tenant works on any substrate, so it imports none."""
    wrong = [
        f"{name} imports {module}"
        for name, tree in modules()
        if name.startswith("migrate/")
        for module in imported(tree)
        if module.startswith(("provisioning.local", "provisioning.aws", "tests", "examples", "scripts"))
    ]

    assert wrong == []


def test_capabilities_do_not_call_tasks() -> None:
    """Tasks call capabilities; nothing below calls back up into the command line."""
    wrong = [
        f"{name} imports {module}"
        for name, tree in modules()
        if name.startswith("migrate/") and not name.startswith("migrate/tasks/")
        for module in imported(tree)
        if module.startswith("migrate.tasks")
    ]

    assert wrong == []


ENGINES = re.compile(
    r"migrate\.(mariadb|transfer\.\w*(mariadb|postgresql)|fence\.(mariadb|postgresql)|compare\.\w*mariadb"
    r"|compare\.(beside|changes|definitions|frozen|ledger|live|run)|assess\.(findings\.)?mariadb"
    r"|databases)\b|psycopg|pymysql"
)


def test_no_step_knows_an_engine() -> None:
    """What a playbook calls goes through the contracts: no step imports a module of one engine."""
    found = {
        name: sorted(module for module in imported(tree) if ENGINES.match(module))
        for name, tree in modules()
        if name.startswith("migrate/steps/")
    }

    assert len(found) > 5
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_engine_and_sdk_are_pinned_alike() -> None:
    """One version: what is fetched, what is built from modules, and the SDK of the program."""
    go_mod = (CHECKOUT / "tools/pulumi/go.mod").read_text()
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    locked = tomllib.loads((CHECKOUT / "uv.lock").read_text())["package"]

    assert f"require github.com/pulumi/pulumi/pkg/v3 v{VERSION}\n" in go_mod
    assert f"pulumi=={VERSION}" in project["dependencies"]
    assert [package["version"] for package in locked if package["name"] == "pulumi"] == [VERSION]


MARKS = {
    "a folder of somebody's machine": r"(?<![\w./-])/(?:work|home/\w+)/\w|(?<![\w-])/root/\.\w",
    "a package registry's host": r"(?:pypi|pythonhosted|proxy\.golang|npmjs)\.(?:org|com)",
    "an unfinished thought": r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b",
}


@pytest.mark.parametrize("mark", MARKS)
def test_nothing_of_the_workshop_is_left_in(mark: str) -> None:
    """The project holds no trace of the machine that it was made on, and nothing half done."""
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts()
        if not name.startswith("tests/unit/test_house")
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(MARKS[mark], line)
    ]

    assert found == []


def test_every_ignore_has_its_reason() -> None:
    """A checker is silenced in one place, for one rule, and says why."""
    ignore = re.compile(r"#\s*(?:noqa|type:\s*ignore)")
    reasoned = re.compile(r"#\s*(?:noqa: [A-Z]+\d+(?:, ?[A-Z]+\d+)*|type: ignore\[[\w,-]+\])\s+(?:-|#)\s*\w")
    # The rule names its reason: a name that a protocol or a file format gives, a "token" that is a type.
    foreign_name = re.compile(r"#\s*noqa: (?:N80[23]|N815|S105)\b")
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts()
        if name.endswith(".py") and not name.startswith("tests/unit/test_house")
        for number, line in enumerate(text.splitlines(), 1)
        if ignore.search(line) and not reasoned.search(line) and not foreign_name.search(line)
    ]

    assert found == []


def test_tests_wait_for_events() -> None:
    """No test sleeps a guessed while: it waits for what it needs, with a deadline."""
    helpers = ("tests/support/", "tests/doubles/")
    found = [
        f"{name}:{node.lineno}"
        for name, tree in modules()
        if name.startswith("tests/") and not name.startswith(helpers)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("time.sleep", "sleep")
    ]

    assert found == []


def test_packages_ship_their_types() -> None:
    """Both packages carry the marker that makes their annotations count."""
    assert all((CHECKOUT / name / "py.typed").is_file() for name in ("provisioning", "migrate"))


def test_licence_is_whole() -> None:
    """The licence is the text that pyproject.toml names."""
    text = (CHECKOUT / "LICENSE").read_text()

    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


@pytest.mark.parametrize("script", ["scripts/setup", ".ci/run"])
def test_scripts_are_valid_shell(script: str) -> None:
    """What everything begins with can be run, and its shell understands it."""
    path = CHECKOUT / script
    shell = path.read_text().splitlines()[0].split("/")[-1].split()[-1]

    assert path.stat().st_mode & 0o111
    subprocess.run([shell, "-n", path], check=True)


def test_documents_name_tests_that_exist() -> None:
    """A trap that a document says is covered has its test."""
    files = {path.stem for path in project_files() if path.suffix == ".py"}
    named = {
        name
        for path in project_files()
        if path.suffix == ".md"
        for name in re.findall(r"`(test_\w+)`", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 30
    assert named - files == set()
