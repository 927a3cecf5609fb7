"""
The go-live suite fails when it should: each thing that it checks is broken on a real local site, and
the matching check has to say so.
"""

import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from migrate.waiting import wait_until
from provisioning.local import postgres
from tests.support.golive_site import GoLiveSite, golive_site, kept
from tests.support.tiny_site import self_signed

Break = Callable[[GoLiveSite], AbstractContextManager[object]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoLiveSite]:
    with golive_site(tmp_path_factory.mktemp("golive")) as running:
        yield running


# How things are broken; each puts back what it broke. ---------------------------------------------


def stopped(*names: str) -> Break:
    """Programs of the host are down."""

    @contextmanager
    def breaks(site: GoLiveSite) -> Iterator[None]:
        site.tell("stop", *names)
        try:
            yield
        finally:
            site.tell("start", *names)

    return breaks


def told(statement: str, undone: str, *, dbname: str = "care") -> Break:
    """Somebody changed the database by hand."""

    @contextmanager
    def breaks(site: GoLiveSite) -> Iterator[None]:
        def say(text: str) -> None:
            with postgres.session(site.place, 5432, dbname) as session:
                session.execute(text.encode())

        say(statement)
        try:
            yield
        finally:
            say(undone)

    return breaks


def edited(path: str, old: str, new: str, then: str) -> Break:
    """A file of the host was edited, and its program told."""

    @contextmanager
    def breaks(site: GoLiveSite) -> Iterator[None]:
        with ExitStack() as stack:
            stack.callback(site.tell, "signal", "HUP", then)
            file = stack.enter_context(kept(site.place.path(path)))
            text = file.read_text()
            assert old in text
            file.write_text(text.replace(old, new))
            site.tell("signal", "HUP", then)
            yield

    return breaks


def moded(path: str, mode: int) -> Break:
    """A file or folder has another mode."""

    @contextmanager
    def breaks(site: GoLiveSite) -> Iterator[None]:
        there = site.place.path(path)
        before = there.stat().st_mode
        there.chmod(mode)
        try:
            yield
        finally:
            there.chmod(before)

    return breaks


def command(name: str, script: str) -> Break:
    """A program of the host tells something else: its commands come first in the host's PATH."""

    @contextmanager
    def breaks(site: GoLiveSite) -> Iterator[None]:
        there = site.place.path(f"bin/{name}")
        there.write_text(f"#!/bin/sh\n{script}\n")
        there.chmod(0o755)
        try:
            yield
        finally:
            there.unlink()

    return breaks


def pretending(**answers: object) -> Break:
    """The application answers something else."""

    @contextmanager
    def breaks(site: GoLiveSite) -> Iterator[None]:
        site.pretend(**answers)
        try:
            yield
        finally:
            site.place.path("files/pretend.json").unlink()

    return breaks


@contextmanager
def shown(site: GoLiveSite, certificate: bytes, key: bytes) -> Iterator[None]:
    """The web server shows another certificate."""
    with ExitStack() as stack:
        stack.callback(site.tell, "signal", "HUP", "nginx")
        for name, content in (("server.crt", certificate), ("server.key", key)):
            stack.enter_context(kept(site.place.path(f"etc/nginx/{name}"))).write_bytes(content)
        site.tell("signal", "HUP", "nginx")
        yield


@contextmanager
def strange_certificate(site: GoLiveSite) -> Iterator[None]:
    """The web server shows a certificate of an authority of its own."""
    with shown(site, *self_signed(site.stack.outputs().database.host)):
        yield


def connector(**changed: object) -> Break:
    """The connector on the legacy host is not as the conversion left it."""

    @contextmanager
    def breaks(site: GoLiveSite) -> Iterator[None]:
        with kept(site.legacy.folder / "meds.json") as state:
            state.write_text(json.dumps({**json.loads(state.read_text()), **changed}))
            yield

    return breaks


@contextmanager
def listening(site: GoLiveSite) -> Iterator[None]:
    """Something else listens on the host's address."""
    host = site.stack.outputs().database.host
    with socket.create_server((host, 0)):
        yield


@contextmanager
def no_backup(site: GoLiveSite) -> Iterator[None]:
    """The backups are gone."""
    with kept(site.place.path("backups")) as folder:
        for dump in folder.glob("*.dump"):
            dump.unlink()
        yield


@contextmanager
def old_backup(site: GoLiveSite) -> Iterator[None]:
    """No backup was made for two days."""
    with kept(site.place.path("backups")) as folder:
        subprocess.run(["touch", "-d", "2 days ago", *folder.glob("*.dump")], check=True)
        yield


@contextmanager
def cut_backup(site: GoLiveSite) -> Iterator[None]:
    """The newest backup was cut short."""
    with kept(site.place.path("backups")) as folder:
        for dump in folder.glob("*.dump"):
            dump.write_bytes(dump.read_bytes()[:200])
        yield


@contextmanager
def no_folder(site: GoLiveSite) -> Iterator[None]:
    """The folder for backups is gone."""
    with kept(site.place.path("backups")) as folder:
        shutil.rmtree(folder)
        try:
            yield
        finally:
            folder.mkdir()


@contextmanager
def open_door(site: GoLiveSite) -> Iterator[None]:
    """Somebody opened the door by hand."""
    site.place.run(site.place.path("bin/door"), "open")
    try:
        yield
    finally:
        site.place.run(site.place.path("bin/door"), "closed")


def evidence(**odd: Any) -> Break:
    """What the steps before left is not of this attempt, or tells of a difference."""

    @contextmanager
    def breaks(site: GoLiveSite) -> Iterator[None]:
        site.write_evidence(**odd)
        try:
            yield
        finally:
            site.write_evidence()

    return breaks


@contextmanager
def edited_evidence(site: GoLiveSite) -> Iterator[None]:
    """Somebody made the comparison look better."""
    with kept(site.case.folder / "evidence" / "comparison.json") as file:
        file.write_text(file.read_text().replace('"source_rows": 3', '"source_rows": 4'))
        yield


@contextmanager
def another_version_asked(site: GoLiveSite) -> Iterator[None]:
    """The manifest asks for another version than the one that runs."""
    with kept(site.workspace.stacks / "golive.yaml") as manifest:
        manifest.write_text(manifest.read_text().replace("version: 1.0.0", "version: 1.0.1"))
        yield


HBA = "etc/postgresql/pg_hba.conf"
SCRAM = "hostssl all          all        127.0.0.0/8  scram-sha-256"
NGINX = "etc/nginx/nginx.conf"
ELSEWHERE = {
    "kind": "https",
    "url": "https://elsewhere.example/interfaces/meds/messages",
    "token": "x",
    "ca": "",
}

FAILURES: dict[str, tuple[str, list[Break], set[str]]] = {
    "a program down, a strange listener, a wrong clock, a full disk": (
        "services",
        [
            stopped("backups"),
            listening,
            command("date", "echo $(($(/bin/date +%s) + 3)).0"),
            command("df", "echo head; echo /dev/sda1 1000000 999000 1000 99% /"),
        ],
        {
            "programs-run",
            "only-expected-sockets-listen",
            "clock-is-right",
            "disk-has-room[files]",
            "disk-has-room[backups]",
        },
    ),
    "no database, no web server": (
        "services",
        [stopped("postgresql", "nginx")],
        {"programs-run", "database-answers", "https-answers", "only-expected-sockets-listen"},
    ),
    "an authority that nobody knows": (
        "tls",
        [strange_certificate],
        {
            "chain-is-trusted",
            "name-is-right",
            "certificate-lasts",
            "current-version-is-spoken[TLSv1.2]",
            "current-version-is-spoken[TLSv1.3]",
        },
    ),
    "old TLS spoken, new TLS not": (
        "tls",
        [
            edited(
                NGINX,
                "ssl_protocols TLSv1.2 TLSv1.3;\n        ssl_ciphers ",
                "ssl_protocols TLSv1.1 TLSv1.2;\n        ssl_ciphers ALL:@SECLEVEL=0:",
                "nginx",
            )
        ],
        {"old-version-is-refused[TLSv1.1]", "current-version-is-spoken[TLSv1.3]"},
    ),
    "keys and files open to others, an old backup": (
        "files",
        [moded("etc/nginx/server.key", 0o644), moded("files", 0o777), old_backup],
        {"secrets-are-private", "nothing-is-world-writable", "backup-is-fresh"},
    ),
    "a password file open to the group, a configuration to all, half a backup": (
        "files",
        [moded("etc/application/pgpass", 0o640), moded("etc/nginx/nginx.conf", 0o666), cut_backup],
        {"secrets-are-private", "nothing-is-world-writable", "backup-is-restorable"},
    ),
    "no backup": ("files", [no_backup], {"backup-is-fresh", "backup-is-restorable"}),
    "no folder for backups": (
        "files",
        [no_folder],
        {"folder-is-there[backups]", "nothing-is-world-writable", "backup-is-fresh", "backup-is-restorable"},
    ),
    "powers that no role should have": (
        "database",
        [
            told("ALTER ROLE care_owner SUPERUSER", "ALTER ROLE care_owner NOSUPERUSER"),
            told("ALTER ROLE care_app CREATEROLE", "ALTER ROLE care_app NOCREATEROLE"),
            told("GRANT CREATE ON SCHEMA public TO care_app", "REVOKE CREATE ON SCHEMA public FROM care_app"),
            told("CREATE TABLE public.foreign_one ()", "DROP TABLE public.foreign_one"),
        ],
        {
            "no-other-superuser",
            "role-has-no-power-over-the-cluster[application]",
            "application-cannot-create",
            "application-reads-and-writes",
            "owner-owns-the-database",
        },
    ),
    "an application that is the owner": (
        "database",
        [told("GRANT care_owner TO care_app", "REVOKE care_owner FROM care_app")],
        {"application-cannot-become-another", "application-cannot-create", "application-cannot-drop"},
    ),
    "no password asked for": (
        "database",
        [edited(HBA, SCRAM, SCRAM.replace("scram-sha-256", "trust"), "postgresql")],
        {
            "password-is-asked-for-by-scram[owner]",
            "password-is-asked-for-by-scram[application]",
            "password-is-asked-for-by-scram[migration]",
            "no-entry-with-a-wrong-password",
        },
    ),
    "no TLS asked for": (
        "database",
        [edited(HBA, SCRAM, SCRAM.replace("hostssl", "host   "), "postgresql")],
        {f"no-entry-without-tls[{role}]" for role in ("owner", "application", "migration")},
    ),
    "an application that is not well, not the one asked for, and lets anybody verify": (
        "application",
        [
            pretending(version=(200, {"version": "0.9.0", "environment": "test"}), healthz=(500, {})),
            edited(NGINX, "if ($may_verify = 0) { return 403; }", "", "nginx"),
        ],
        {"version-is-the-manifests", "environment-is-named", "health", "verification-needs-its-token"},
    ),
    "a manifest that asks for another version": (
        "application",
        [another_version_asked],
        {"version-is-the-manifests"},
    ),
    "an application that is down": (
        "application",
        [stopped("application")],
        {"version-is-the-manifests", "environment-is-named", "health"},
    ),
    "a gap, a site that takes what it should not, a connector at work": (
        "interfaces",
        [
            pretending(
                interfaces__meds__state=(200, {"received": 40, "last_sequence": 41}),
                interfaces__meds__messages=(201, {}),
            ),
            connector(mode="transmitting"),
        ],
        {
            "site-counts-messages[meds]",
            "site-keeps-strangers-out[meds]",
            "site-takes-a-probe[meds]",
            "connector-points-here[meds]",
            "probe-arrives[meds]",
        },
    ),
    "a connector that points elsewhere, messages missing": (
        "interfaces",
        [
            connector(destination=ELSEWHERE),
            pretending(interfaces__meds__state=(200, {"received": 39, "last_sequence": 39})),
        ],
        {
            "connector-points-here[meds]",
            "probe-arrives[meds]",
            "site-goes-on-where-legacy-stopped[meds]",
        },
    ),
    "an application that lets anybody at its files": (
        "roles",
        [pretending(**{"files__documents__.not-there": (412, {})})],
        {
            "role-has-its-permissions-and-no-others[clerk]",
            "role-has-its-permissions-and-no-others[guest]",
            "whoever-is-nobody-has-none[clerk]",
            "whoever-is-nobody-has-none[chief]",
        },
    ),
    "rows that differ": ("data", [evidence(target_rows=2)], {"rows-agree"}),
    "files that differ": ("data", [evidence(odd_files=1)], {"files-agree"}),
    "a verdict of another attempt": (
        "data",
        [evidence(attempt="realisation-0")],
        {"rows-agree", "files-agree", "comparison-is-of-this-freeze"},
    ),
    "a comparison from before the freeze": (
        "data",
        [evidence(hours_late=1)],
        {"comparison-is-of-this-freeze"},
    ),
    "a verdict that was edited": (
        "data",
        [edited_evidence],
        {"rows-agree", "files-agree", "comparison-is-of-this-freeze"},
    ),
    "a door opened by hand": (
        "door",
        [open_door],
        {"door-is-as-declared", "door-is-closed", "closed-door-lets-no-path-through"},
    ),
    "a closed door that leaks, and does not say that it is one": (
        "door",
        [
            edited(
                NGINX,
                "location / {",
                "location /healthz { proxy_pass http://application; }\n        location / {",
                "nginx",
            ),
            edited(NGINX, "error_page 503 @closed;", "", "nginx"),
        ],
        {"door-is-as-declared", "door-is-closed", "closed-door-lets-no-path-through"},
    ),
}
"""What is broken -> where it is looked for, how it is broken, and exactly the checks that must fail there."""


def test_a_sound_site_passes(site: GoLiveSite) -> None:
    """As it was stood up, filled and converted, a site passes every check."""
    areas = ("services", "tls", "files", "database", "application", "interfaces", "roles", "door", "data")
    checks = site.checks(*areas)
    assert {check.id: check.detail for check in checks.values() if check.outcome != "passed"} == {}
    named = {f"{area}.{id}" for area, _, ids in FAILURES.values() for id in ids}
    assert named <= set(checks)
    assert all(check.proves.endswith(".") for check in checks.values())


@pytest.mark.parametrize("broken", FAILURES)
def test_what_is_broken_is_found(site: GoLiveSite, broken: str) -> None:
    """Exactly the checks that are there for what was broken fail, by their ids."""
    area, breaks, expected = FAILURES[broken]
    with ExitStack() as stack:
        for each in breaks:
            stack.enter_context(each(site))
        assert failing(site, area, expected) == expected


def test_a_certificate_about_to_expire_for_another_name_is_found(site: GoLiveSite, tmp_path: Path) -> None:
    """A trusted certificate with ten days left and without the site's name fails for just these two."""
    certificate, key = self_signed(site.stack.outputs().database.host, days=10)
    (tmp_path / "ca.pem").write_bytes(certificate)
    with shown(site, certificate, key):
        expected = {"name-is-right", "certificate-lasts"}
        assert failing(site, "tls", expected, authority=tmp_path / "ca.pem") == expected


def test_a_host_without_ssh_fails_wherever_it_is_asked(site: GoLiveSite) -> None:
    """Without SSH no check of the host passes by default."""
    with stopped("sshd")(site):
        found = failing(site, "services", set())
    assert {"ssh-answers", "programs-run", "database-answers", "clock-is-right"} <= found


def failing(site: GoLiveSite, area: str, expected: set[str], *, authority: Path | None = None) -> set[str]:
    """Return the ids of what fails, once it is what is expected: servers take a moment to read anew."""
    found: dict[str, str] = {}

    def as_expected() -> bool:
        checks = site.checks(area, authority=authority).values()
        found.clear()
        found.update(
            {check.id.partition(".")[2]: check.detail for check in checks if check.outcome != "passed"}
        )
        return found.keys() == expected or not expected

    if not wait_until(as_expected, deadline_seconds=8):
        print(found)  # shown with the failure
    return set(found)
