"""Manifests: what is refused, and how every fault is told."""

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from migrate import transfer
from migrate.new_tenant import Answers, write_tenant
from provisioning.errors import ManifestError
from provisioning.manifest import WAYS, HostName, Name, RelativePath
from provisioning.manifest_file import load_manifest, read_manifest, tenants
from provisioning.workspace import Workspace
from tests.support.clock import SUMMER_NOON

RULE = "2 to 30 characters: lowercase a-z, digits and single hyphens, a letter first, no hyphen last"

HOSTILE_NAMES = {
    "../x": f"has '.', '/'; the rule is {RULE}",
    "a;b": f"has ';'; the rule is {RULE}",
    "o'x": f'has "\'"; the rule is {RULE}',
    "a" * 300: f"300 characters; the rule is {RULE}",
    "Alpenblick": f"has 'A'; the rule is {RULE}",
    "аlpenblick": f"has '\\u0430'; the rule is {RULE}",  # noqa: RUF001 - a Cyrillic a, on purpose
    "alpenblick\n": f"has '\\n'; the rule is {RULE}",
    "-rf": f"starts or ends wrongly; the rule is {RULE}",
    "alp-": f"starts or ends wrongly; the rule is {RULE}",
    "al--p": f"starts or ends wrongly; the rule is {RULE}",
    "1alp": f"starts or ends wrongly; the rule is {RULE}",
    "$(id)": f"has '$', '(', ')'; the rule is {RULE}",
    "a": f"1 characters; the rule is {RULE}",
    "": f"0 characters; the rule is {RULE}",
}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "Pulumi.yaml").write_text("name: bascule\nruntime: python\n")
    (tmp_path / "stacks").mkdir()
    return Workspace(tmp_path)


@pytest.fixture
def alpenblick(workspace: Workspace) -> Path:
    """The manifest of a tenant that `fab new-tenant` would write."""
    answers = Answers(
        tenant="alpenblick",
        display_name="Pflegeheim Alpenblick",
        site_name="alpenblick.care.example",
        responsible_name="Rösli Müller",
        responsible_email="r.mueller@alpenblick.example",
        technical_name="Urs Frei",
        technical_email="it@alpenblick.example",
    )
    return write_tenant(workspace, answers, SUMMER_NOON)[0]


def faults_of(path: Path) -> list[str]:
    return [str(fault) for fault in read_manifest(path.read_text(), file_stem=path.stem)[1]]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_tenant_name_is_refused_with_the_rule_it_broke(name: str) -> None:
    """A name that could escape a path, a shell or SQL never becomes a `Name`."""
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(Name).validate_python(name)
    assert refused.value.errors()[0]["msg"] == f"Value error, {HOSTILE_NAMES[name]}"


@given(st.text(max_size=40))
def test_whatever_name_is_accepted_is_safe_everywhere(name: str) -> None:
    """An accepted name holds nothing but a-z, 0-9 and hyphens, and is its own file name."""
    try:
        accepted = TypeAdapter(Name).validate_python(name)
    except ValidationError:
        return
    assert set(accepted) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert Path(accepted).name == accepted
    assert not accepted.startswith("-")


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "", ".", "a\nb", "-rf"])
def test_a_path_may_not_leave_its_folder(path: str) -> None:
    """Paths in a manifest lie below the folder that they are relative to."""
    with pytest.raises(ValidationError):
        TypeAdapter(RelativePath).validate_python(path)


@pytest.mark.parametrize("name", ["alpenblick", "a..b", "A.b", "a.b;c", "-a.b", "a.b\n", "ä.b"])
def test_a_site_name_is_a_host_name(name: str) -> None:
    """A site name goes into certificates and server configuration, so it is plain DNS."""
    with pytest.raises(ValidationError):
        TypeAdapter(HostName).validate_python(name)


def test_an_unsafe_tenant_is_refused_before_the_disk_is_touched(workspace: Workspace) -> None:
    """Asked for a hostile tenant, no file is looked for."""
    (workspace.stacks.parent / "x.yaml").write_text("tenant: x")
    with pytest.raises(ManifestError) as refused:
        load_manifest(workspace, "../x")
    assert str(refused.value) == (f"tenant '../x': has '.', '/'; the rule is {RULE}\nNothing was touched.")


def test_a_misspelt_tenant_gets_the_nearest_known_one(workspace: Workspace, alpenblick: Path) -> None:
    """The operator who mistypes is told the name that was probably meant."""
    with pytest.raises(ManifestError) as refused:
        load_manifest(workspace, "alpenblik")
    assert str(refused.value) == (
        "no tenant alpenblik: stacks/alpenblik.yaml does not exist; did you mean alpenblick?\n"
        "Next: fab new-tenant --tenant alpenblik"
    )


def test_every_fault_is_told_at_once_with_its_line_and_remedy(workspace: Workspace, alpenblick: Path) -> None:
    """A file with many faults is corrected in one sitting."""
    text = alpenblick.read_text()
    text = text.replace("playbook:", "playbok:").replace('"local"', '"cellar"')
    text = text.replace("Europe/Zurich", "Europe/Zurch").replace("    responsible:", "    responsible:")
    alpenblick.write_text(text + "language: fr\n")

    with pytest.raises(ManifestError) as refused:
        load_manifest(workspace, "alpenblick")

    told = str(refused.value).splitlines()
    assert told[0] == "stacks/alpenblick.yaml: 5 to correct, nothing was touched"
    assert [line.split(" (line")[0].strip() for line in told[1:-1]] == [
        "language",
        "playbook",
        "substrate",
        "window/time_zone",
        "playbok",
    ]
    assert "unknown key; did you mean playbook?" in told[5]
    assert "'cellar' is none of 'local' or 'aws'" in told[3]
    assert told[-1] == "Next: correct the file, then: fab check"


def test_an_unknown_key_deep_down_gets_the_nearest_key_of_its_own_level(alpenblick: Path) -> None:
    """The nearest known key is sought where the unknown one stands, not in the whole model."""
    alpenblick.write_text(alpenblick.read_text().replace("      ssh_alias:", "      ssh_allias:"))
    assert any(
        fault.startswith("legacy/hosts/0/ssh_allias (line ") and fault.endswith("did you mean ssh_alias?")
        for fault in faults_of(alpenblick)
    )


def test_a_moment_without_a_zone_is_refused(alpenblick: Path) -> None:
    """A window in nobody's time zone would be missed by an hour or two."""
    data = yaml.safe_load(alpenblick.read_text())
    data["window"]["opens_at"] = "2026-03-07T17:00:00"
    alpenblick.write_text(yaml.safe_dump(data))
    assert [f.split(": ", 1)[1] for f in faults_of(alpenblick)] == [
        "has no time zone; write it with its offset, such as 2026-03-07T17:00:00+01:00"
    ]


def test_a_misspelt_limit_gets_the_nearest_one_and_a_sound_default_stands(alpenblick: Path) -> None:
    """The manifest sets the throttle; what it leaves out has a default, what it misspells is told."""
    text = alpenblick.read_text()
    manifest, faults = read_manifest(text + "throttle: {behind_mb: 8}\n", file_stem=alpenblick.stem)
    assert faults == []
    assert manifest is not None
    assert (manifest.throttle.behind_mb, manifest.throttle.times_slower) == (8, 10)
    alpenblick.write_text(text + "throttle: {behind_gb: 8, active_sessions: 0}\n")
    told = faults_of(alpenblick)
    assert any(one.startswith("throttle/behind_gb") and "did you mean behind_mb?" in one for one in told)
    assert any(one.startswith("throttle/active_sessions") for one in told)


def test_a_part_on_an_unknown_host_is_refused(alpenblick: Path) -> None:
    """Every reference in a manifest names something that the manifest defines."""
    data = yaml.safe_load(alpenblick.read_text())
    data["legacy"]["databases"][0]["host"] = "elsewhere"
    alpenblick.write_text(yaml.safe_dump(data))
    assert any("main is on host 'elsewhere'" in fault for fault in faults_of(alpenblick))


def test_parts_that_do_not_fit_are_told_at_once_each_at_its_place(alpenblick: Path) -> None:
    """Also beside a value that is wrong by itself, which alone would keep the others from being looked at."""
    data = yaml.safe_load(alpenblick.read_text())
    (database,) = data["legacy"]["databases"]
    data["legacy"]["databases"].append({**database, "host": "elsewhere"})
    data["legacy"]["files"] = [{"name": "documents", "host": "nowhere", "path": "documents"}]
    data["inventory"] = {"folders": [{"name": "backups", "host": "beyond", "path": "backups"}]}
    fitting = [
        "legacy/databases/1/name (line N): main stands twice; names tell the parts apart",
        "legacy/databases/1/host (line N): main is on host 'elsewhere', which is not under legacy.hosts",
        "legacy/files/0/host (line N): documents is on host 'nowhere', which is not under legacy.hosts",
        "inventory/folders/0/host (line N): backups is on host 'beyond', which is not under legacy.hosts",
    ]
    for more, also in (
        ({}, []),
        (
            {"mode": "live", "site_engine": "mariadb"},
            ["legacy/databases/0/engine", "legacy/databases/1/engine"],
        ),
        ({"sizing": {"prod": {"application_workers": 0}}}, ["sizing/prod/application_workers"]),
    ):
        alpenblick.write_text(yaml.safe_dump({**data, **more}))
        told = [re.sub(r"line \d+", "line N", fault) for fault in faults_of(alpenblick)]
        assert [one for one in told if one in fitting] == fitting
        assert [one.split(" ")[0] for one in told if one not in fitting] == also


def test_a_file_named_otherwise_than_its_tenant_is_refused(workspace: Workspace, alpenblick: Path) -> None:
    """The file's name and what stands in it cannot mean two tenants."""
    copy = workspace.stacks / "other.yaml"
    copy.write_text(alpenblick.read_text())
    with pytest.raises(ManifestError, match=r"is 'alpenblick', yet the file is other\.yaml"):
        load_manifest(workspace, "other")


def test_broken_yaml_is_told_with_its_line(alpenblick: Path) -> None:
    """A file that is not YAML says where it stops being so."""
    alpenblick.write_text("tenant: alpenblick\nlegacy: [\n")
    assert faults_of(alpenblick) == ["not YAML: did not find expected node content (line 3)"]


def test_tenants_lists_manifests_only(workspace: Workspace, alpenblick: Path) -> None:
    """Stack files and the rate card beside the manifests are no tenants."""
    (workspace.stacks / "rates.yaml").write_text("{}")
    assert tenants(workspace) == ["alpenblick"]


@pytest.mark.parametrize(
    ("asked", "where", "said"),
    [
        ("{mode: staged}", "transfer", "mode staged needs archive: with to:, a folder or s3://bucket/prefix"),
        (
            "{mode: live, archive: {to: /media/disk}}",
            "transfer",
            "mode live makes no archive; set mode: staged",
        ),
        ("{mode: staged, archive: {to: disk}}", "transfer/archive/to", "must be an absolute folder"),
        ("{mode: staged, archive: {to: /a/../etc}}", "transfer/archive/to", "must be an absolute folder"),
        ("{mode: staged, archive: {to: 'ftp://x/y'}}", "transfer/archive/to", "must be an absolute folder"),
        (
            "{mode: staged, archive: {to: /d, recipients: [AGE-SECRET-KEY-1X]}}",
            "transfer/archive/recipients/0",
            "not a public age recipient, which begins with age1; that is the secret half",
        ),
        ("{mode: carried}", "transfer/mode", "'carried' is none of 'auto', 'live', 'bulk' or 'staged'"),
    ],
)
def test_what_is_wrong_with_a_transfer_is_told_in_place(
    alpenblick: Path, asked: str, where: str, said: str
) -> None:
    """An archive without a place, in a mode that makes none, or for somebody who has no public key."""
    _with_transfer(alpenblick, asked)
    fault = faults_of(alpenblick)[0]
    assert fault.startswith(f"legacy/databases/0/{where} (line "), fault
    assert said in fault


def test_a_transfer_says_how_a_tenant_moves(workspace: Workspace, alpenblick: Path) -> None:
    """By default nothing; else its mode, which may not contradict the tenant's."""
    text = alpenblick.read_text()
    assert load_manifest(workspace, "alpenblick").asked_mode is None
    place = "archive: {to: 's3://vault/alpenblick'}"
    for chosen, asked in ((f"{{mode: staged, {place}}}", "staged"), ("{mode: live}", "live")):
        alpenblick.write_text(text)
        _with_transfer(alpenblick, chosen)
        assert load_manifest(workspace, "alpenblick").asked_mode == asked
    alpenblick.write_text(text)
    _with_transfer(alpenblick, f"{{mode: staged, delta: bulk, {place}}}")
    manifest = load_manifest(workspace, "alpenblick")
    assert manifest.asked_mode == "staged-bulk"
    assert manifest.archive is not None
    assert manifest.archive.to == "s3://vault/alpenblick"
    alpenblick.write_text(f"mode: bulk\n{alpenblick.read_text()}")
    (fault,) = faults_of(alpenblick)
    assert "asks for staged; take one of them out" in fault


def test_the_ways_of_the_manifest_are_those_that_there_are() -> None:
    """What a manifest accepts is what some way of transfer carries out, no more and no less."""
    found: dict[tuple[str, str], set[str]] = {}
    for source, mode, target in transfer.WAYS:
        found.setdefault((source, target), set()).add(mode)
    assert found == {ends: set(modes) for ends, modes in WAYS.items()}


@pytest.mark.parametrize(
    ("site_engine", "delta", "said"),
    [
        ("mariadb", "live", ""),
        ("mariadb", "bulk", "from mariadb to mariadb in mode live or staged, not staged-bulk"),
        ("postgresql", "live", "from mariadb to postgresql in mode bulk, not staged"),
        ("postgresql", "bulk", "from mariadb to postgresql in mode bulk, not staged-bulk"),
    ],
)
def test_a_mariadb_is_carried_to_a_site_that_can_follow_it(
    workspace: Workspace, alpenblick: Path, site_engine: str, delta: str, said: str
) -> None:
    """To a MariaDB, whose changes flow; what cannot be carried is refused with the ways that there are."""
    data = yaml.safe_load(alpenblick.read_text())
    asked = {"mode": "staged", "delta": delta, "archive": {"to": "/media/disk"}}
    data["legacy"]["databases"][0].update(name="main", engine="mariadb", transfer=asked)
    alpenblick.write_text(yaml.safe_dump({**data, "site_engine": site_engine}))
    if said:
        assert said in faults_of(alpenblick)[0]
    else:
        assert load_manifest(workspace, "alpenblick").asked_mode == "staged"


@pytest.mark.parametrize(
    ("legacy", "more", "said"),
    [
        (
            "postgresql",
            {"site_engine": "mariadb"},
            "main is postgresql, and nothing moves that to mariadb; set site_engine: postgresql",
        ),
        (
            "mariadb",
            {"mode": "live"},
            "main moves from mariadb to postgresql in mode bulk, not live; take mode out, or set site_engine",
        ),
        (
            "mariadb",
            {"site_engine": "mariadb", "mode": "bulk"},
            "to mariadb in mode live or staged, not bulk",
        ),
        ("mariadb", {"site_engine": "oracle"}, "'oracle' is none of 'postgresql' or 'mariadb'"),
    ],
)
def test_a_site_has_an_engine_that_the_databases_can_move_to(
    alpenblick: Path, legacy: str, more: dict[str, str], said: str
) -> None:
    """Two engines that no way joins, or not in the mode asked for, are told with what is possible."""
    data = yaml.safe_load(alpenblick.read_text())
    data["legacy"]["databases"][0].update(name="main", engine=legacy)
    alpenblick.write_text(yaml.safe_dump({**data, **more}))
    (fault,) = faults_of(alpenblick)
    assert said in fault


def test_a_site_with_mariadb_calls_its_database_as_legacy_does(alpenblick: Path) -> None:
    """Changes flow between databases of one name only, so another is told before anything is made."""
    data = yaml.safe_load(alpenblick.read_text())
    data["site_engine"] = "mariadb"
    data["legacy"]["databases"][0].update(engine="mariadb", dbname="besa")
    alpenblick.write_text(yaml.safe_dump(data))
    assert faults_of(alpenblick) == []
    data["application"]["settings"] = {"database": "care"}
    alpenblick.write_text(yaml.safe_dump(data))
    (fault,) = faults_of(alpenblick)
    assert "application/settings/database (line 5): is care" in fault
    assert "is called besa" in fault


def _with_transfer(path: Path, transfer: str) -> None:
    text = path.read_text()
    line = next(line for line in text.splitlines() if line.lstrip().startswith("ca_file:"))
    indent = " " * (len(line) - len(line.lstrip()))
    path.write_text(text.replace(line, f"{line}\n{indent}transfer: {transfer}"))


def test_no_tenant_is_called_platform(alpenblick: Path) -> None:
    """The stacks of that name are what the sites of a class share."""
    content = yaml.safe_load(alpenblick.read_text())
    path = alpenblick.with_name("platform.yaml")
    path.write_text(yaml.safe_dump({**content, "tenant": "platform"}))
    assert any("platform is what the sites of a class share" in fault for fault in faults_of(path))
