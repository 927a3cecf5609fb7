"""A playbook that a user writes, without Python, from the steps that there are."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from migrate import status
from tests.support.e2e import FAILED, WAITING, Operator, signing_keys
from tests.support.local_sites import CHECKOUT, local_workspace, manifest
from tests.support.private_hosts import private_host

TENANT = "linde"
VENDOR = "vera@vendor.example"
SIXTH = """\
name: sixth
title: A look, a price, and what there is to learn
phases:
  - name: look
    command: look
    title: A look at the old system
    summary: Measured, priced, and confirmed.
    steps:
      - step: record-request
      - step: assess
      - step: write-offer
      - gate: confirm-offer
        title: The customer wants to learn
        document: offer.pdf
        signer: responsible
  - name: lessons
    command: lessons
    title: Lessons
    summary: What there is to learn.
    steps:
      - step: list-training
"""


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    with private_host("old", tmp_path) as legacy:
        legacy.psql("postgres", "CREATE DATABASE care")
        legacy.psql("care", "CREATE TABLE bed AS SELECT n FROM generate_series(1, 500) n")
        (legacy.folder / "etc" / "superuser").chmod(0o600)
        (legacy.folder / "etc" / "ca.pem").write_text(legacy.ca)
        workspace = local_workspace(tmp_path, TENANT)
        (tmp_path / "fabfile.py").symlink_to(CHECKOUT / "fabfile.py")
        shutil.copy(CHECKOUT / "examples/alpenblick/stacks/rates.yaml", workspace.stacks)
        described: dict[str, Any] = manifest(TENANT)
        described["playbook"] = "sixth"
        described["legacy"]["hosts"][0]["ssh_config"] = "old/etc/ssh_config"
        described["legacy"]["databases"][0].update(
            port=legacy.pg_port, user="postgres", password_file="old/etc/superuser", ca_file="old/etc/ca.pem"
        )
        (workspace.stacks / f"{TENANT}.yaml").write_text(yaml.safe_dump(described, sort_keys=False))
        keys = signing_keys(workspace, described["contacts"]["responsible"]["email"], VENDOR)
        yield Operator(workspace, TENANT, keys, VENDOR)


def test_a_user_writes_a_sixth_playbook(operator: Operator) -> None:
    """Linted, run by commands of its own against a real server, held at its gate, and carried to its end."""
    path = operator.workspace.root / "playbooks" / "sixth.yaml"
    path.parent.mkdir()
    path.write_text(SIXTH.replace("step: assess", "step: asses"))
    said = operator.fab("look")
    assert said.code == FAILED
    assert "unknown step asses; did you mean assess?" in said.text
    path.write_text(SIXTH)

    operator.do("record-request")
    said = operator.carry_on(command="look", until="confirm-offer")
    assert said.code == WAITING, said.text
    said = operator.fab("lessons")
    assert said.code == FAILED
    assert "lessons cannot begin: look is not finished" in said.text
    operator.do("confirm-offer")
    said = operator.carry_on()
    assert said.code == 0, said.text
    assert [phase.state for phase in status.of(operator.case).phases] == ["finished", "finished"]
    assert operator.case.document("training.pdf").read_bytes().startswith(b"%PDF")
