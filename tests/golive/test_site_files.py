"""Can only those read and write who should, and is there a backup?"""

from datetime import UTC, datetime, timedelta

import pytest
from testinfra.host import Host

from provisioning.site import SiteOutputs

PRIVATE = ("*.key", "*_key", "*pgpass*", "*.env", "*token*", "*password*", "*passwd*")
"""What a file that holds a secret is called, in the login folder of a host."""
NEWEST_BACKUP = timedelta(hours=26)
"""A daily one, with room for how long it takes."""


def test_secrets_are_private(site_host: Host) -> None:
    """Every key, token and password file on the host has mode 0600 (or 0400)."""
    names = " -o ".join(f"-name '{pattern}'" for pattern in PRIVATE)
    found = site_host.check_output(
        f"find . -xdev -type f \\( {names} \\) ! -perm 0600 ! -perm 0400 -printf '%m %p\\n'"
    )
    assert found.splitlines() == []


def test_there_are_secrets_to_look_at(site_host: Host) -> None:
    """The look at private files finds some: a search that finds none proves nothing."""
    names = " -o ".join(f"-name '{pattern}'" for pattern in PRIVATE)
    assert site_host.check_output(f"find . -xdev -type f \\( {names} \\) -print").splitlines()


def test_nothing_is_world_writable(site_host: Host, site: SiteOutputs) -> None:
    """Nobody but the site's own account may write any of its files or folders."""
    # Sockets have their own check of who is there; a link's mode means nothing.
    where = f"find . {site.files!r} {site.backups!r} -xdev -perm -0002 ! -type l ! -type s -print"
    assert sorted(set(site_host.check_output(where).splitlines())) == []


@pytest.mark.parametrize("folder", ["files", "backups"])
def test_folder_is_there(site_host: Host, site: SiteOutputs, folder: str) -> None:
    """The folders for documents and backups are there."""
    assert site_host.file(str(getattr(site, folder))).is_directory


def _newest(site_host: Host, site: SiteOutputs) -> tuple[datetime, str]:
    shown = site_host.check_output(
        "find %s -mindepth 1 -maxdepth 2 -regex '.*[.]\\(dump\\|sql[.]gz\\)' -type f"
        " -printf '%%T@ %%p\\n' | sort -n | tail -1",
        site.backups,
    )
    assert shown, f"no backup in {site.backups}"
    at, _, path = shown.partition(" ")
    return datetime.fromtimestamp(float(at), UTC), path


def test_backup_is_fresh(site_host: Host, site: SiteOutputs) -> None:
    """The newest backup is not older than a day."""
    at, _ = _newest(site_host, site)
    assert datetime.now(UTC) - at < NEWEST_BACKUP


def test_backup_is_restorable(site_host: Host, site: SiteOutputs) -> None:
    """The newest backup is a dump of the tenant's database whose contents can be listed."""
    _, path = _newest(site_host, site)
    if site.database.engine == "mariadb":
        ends = site_host.check_output("zcat %s | tail -n 1", path)
        assert ends.startswith("-- Dump completed")
        return
    listing = site_host.run("pg_restore --list %s", path)
    assert listing.succeeded, listing.stderr
    assert f"dbname: {site.database.dbname}\n" in listing.stdout
