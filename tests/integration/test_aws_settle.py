"""A fresh machine on AWS made a host of its site, whole: every step for real but for what only AWS has."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from provisioning.aws.artifacts import ALSO_ON_HOSTS, HOST_FILES, pack
from provisioning.aws.host_settings import runner_settings
from tests.support.aws_host import SECRET_VALUES, settings, settle
from tests.support.private_hosts import PrivateHost, private_host

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDs47Z7IyETPTI+sT7Nmp1tgDJNrSK8llOaODLe3f0vn"
OF_THE_MACHINE = ("chown", "dnf", "groupadd", "mount", "systemctl", "amazon-cloudwatch-agent-ctl")

NOTED = """\
#!/bin/sh
echo "${{0##*/}} $*" >> {log}
"""
USERADD = NOTED + 'while [ "$1" != --home-dir ]; do shift; done; mkdir -p "$2"\n'
AWS = '''\
#!{python}
"""`aws` with a bucket in a folder, two secrets and one parameter; other words are refused."""
import shutil, sys
from pathlib import Path

there, words = Path("{there}"), sys.argv[1:]
assert words[:2] == ["--region", "eu-central-2"], words
if words[2:4] == ["s3", "cp"] and words[4].startswith("s3://the-bucket/"):
    shutil.copy(there / words[4].removeprefix("s3://the-bucket/"), words[5])
elif words[2:5] == ["secretsmanager", "get-secret-value", "--secret-id"]:
    print((there / words[5]).read_text())
elif words[2:4] == ["ssm", "get-parameter"] and words[5] == "the-host-keys-parameter":
    print((there / words[5]).read_text())
elif words[2:4] == ["ssm", "put-parameter"] and words[6] == "the-host-keys-parameter":
    (there / words[6]).write_text(words[words.index("--value") + 1])
else:
    sys.exit("AccessDenied: " + " ".join(words))
'''


@dataclass
class Machine:
    """A machine below `root`, what AWS keeps in `cloud`, and `log`, which its doubled commands write."""

    root: Path
    cloud: Path
    log: Path
    program: Any

    @property
    def home(self) -> Path:
        return self.root / "srv/site"

    def done(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateHost]:
    with private_host("rds", tmp_path_factory.mktemp("rds")) as server:
        server.psql("postgres", "CREATE DATABASE care")
        yield server


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    root, cloud, log, program = tmp_path / "root", tmp_path / "cloud", tmp_path / "log", settle()
    for folder in ("etc/ssh", "etc/nginx", "opt/bascule", "srv", "var/log", "usr/bin"):
        (root / folder).mkdir(parents=True)
    agent = root / "opt/agent"
    for name in OF_THE_MACHINE:
        path = (agent / "bin" if name.startswith("amazon") else root / "usr/bin") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(NOTED.format(log=log))
        path.chmod(0o755)
    (root / "usr/bin/useradd").write_text(USERADD.format(log=log))
    (root / "usr/bin/aws").write_text(AWS.format(python=sys.executable, there=cloud))
    for name in ("useradd", "aws"):
        (root / "usr/bin" / name).chmod(0o755)
    key = root / "etc/ssh/key.pub"
    key.write_text(f"{HOST_KEY} root@new\n")
    places = {
        "ROOT": root,
        "HOME": root / "srv/site",
        "DATA": root / "srv/data",
        "LOGS": root / "var/log/site",
    }
    # By the way that they come to a host, so that what every substrate's hosts have is there.
    packed = pack(HOST_FILES, "host-files", tmp_path / "packed", also=ALSO_ON_HOSTS)
    program.unpack(packed.path, tmp_path / "host")
    for name, value in {**places, "HERE": tmp_path / "host", "AGENT": agent, "HOST_KEY": key}.items():
        monkeypatch.setattr(program, name, value)
    monkeypatch.setattr(program.time, "sleep", lambda seconds: None)
    monkeypatch.setenv("PATH", f"{root / 'usr/bin'}:{os.environ['PATH']}")
    cloud.mkdir()
    (cloud / "the-secret").write_text(json.dumps(SECRET_VALUES))
    (cloud / "the-host-keys-parameter").write_text("none\n")
    return Machine(root, cloud, log, program)


def test_a_fresh_machine_becomes_a_host(machine: Machine, database: PrivateHost, tmp_path: Path) -> None:
    """All of it is laid down, the database has its roles, its key is told; users are let in last."""
    for name in ("application", "template"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run").write_text("#!/bin/sh\n")
        (tmp_path / name / "run").chmod(0o755)
        shutil.copy(pack(tmp_path / name, name, tmp_path / "packed").path, machine.cloud / f"{name}.zip")
    (machine.cloud / "the-master-secret").write_text(
        json.dumps({"username": "postgres", "password": database.superuser_password})
    )
    known = settings(
        artifact="application.zip",
        template="template.zip",
        inbox_keys=f"restrict {HOST_KEY}",
        database_host=database.address,
        database_port=str(database.pg_port),
        database_ca=database.ca.strip(),
    )
    machine.program.settle_host(known)

    done = machine.done()
    assert done[0].startswith("dnf -q -y install nginx ")
    assert done[-1] == "systemctl enable --now nginx.service"
    assert done.index(f"mount {machine.root}/srv/data") < done.index("systemctl daemon-reload")
    for started in ("application.service backup.timer", "inbox.service"):
        assert f"systemctl enable --now {started}" in done
    assert HOST_KEY in (machine.cloud / "the-host-keys-parameter").read_text()
    assert os.access(machine.home / "app" / known["version"] / "run", os.X_OK)
    assert (machine.home / "template" / "run").is_file()
    assert (machine.home / "log").readlink() == machine.root / "var/log/site"
    names = ("environment", "interface-token", "pgpass", "accounts-token")
    private = [machine.home / "etc/application" / name for name in names]
    private += [machine.home / "etc/inbox/host_key", machine.root / "etc/nginx/server.key"]
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}
    assert os.access(machine.home / "bin/inbox", os.X_OK)
    with database.connect("care") as session:
        found = session.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'care%' ORDER BY 1"
        ).fetchall()
    assert [str(name) for (name,) in found] == ["care_app", "care_migration", "care_owner"]


def test_the_runner_gets_what_it_needs_and_no_secret(machine: Machine) -> None:
    """It is told no secret and asks for none; it sees the files, and says its key before it is ready."""
    shutil.rmtree(machine.cloud)
    machine.cloud.mkdir()
    (machine.cloud / "the-host-keys-parameter").write_text("none\n")
    machine.program.settle_runner(runner_settings(settings(), "the-host-keys-parameter"))

    done = machine.done()
    assert f"mount {machine.root}/srv/data" in done
    assert done[-1] == "systemctl enable --now nginx.service"
    assert not [line for line in done if "application" in line or "cloudwatch" in line]
    assert HOST_KEY in (machine.cloud / "the-host-keys-parameter").read_text()
    laid = [path for path in machine.root.rglob("*") if path.is_file() and path.suffix == ".conf"]
    assert {path.name for path in laid} == {"nginx.conf", "10-bascule.conf"}
    assert not (machine.home / "etc").exists()
    found = subprocess.run(["grep", "-r", "@[a-z_]*@", *laid], capture_output=True, text=True, check=False)
    assert found.stdout == ""
