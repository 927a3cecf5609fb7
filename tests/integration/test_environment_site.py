"""An environment from a template on a real site: unchanged, and every change of it found."""

import re
from collections.abc import Iterator

import pytest

from examples.fieldpro.prepare import HERE, OFFICER, RESPONSIBLE, TENANT, prepare
from examples.workspaces import key_file
from migrate import environment, signatures
from migrate.case import Case
from migrate.connections import Hosts
from migrate.deploy import deploy
from migrate.environment_template import template_of
from migrate.errors import DifferenceError, Waiting
from migrate.workbook import adopting
from provisioning.engine import Stack
from tests.support.e2e_fieldpro import FieldPro
from tests.support.local_sites import temporary
from tests.support.moves import Told

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FieldPro]:
    """The example's tenant with an environment from the template, its workbook signed, its site standing."""
    folder = tmp_path_factory.mktemp("template") / "workspace"
    workspace = prepare(folder, endpoint="https://127.0.0.1:9/", ca="", secret="whsec_" + "A" * 32)
    path = workspace.stacks / f"{TENANT}.yaml"
    text = re.sub(r"\n  (officer|pilot): .*", "", path.read_text())
    path.write_text(text.replace("kind: custom", "kind: template"))
    keys = {email: key_file(workspace, email) for email in (RESPONSIBLE, OFFICER)}
    with temporary(Stack(workspace, f"{TENANT}-prod")):
        case = Case.of(workspace, TENANT)
        deploy(case, "prod", case.manifest.site_name, Told())
        yield FieldPro(workspace, TENANT, keys, OFFICER)


@pytest.fixture
def hosts(operator: FieldPro) -> Iterator[Hosts]:
    with Hosts(operator.workspace, operator.case.manifest) as hosts:
        yield hosts


def test_unsigned_workbook_configures_nothing(operator: FieldPro, hosts: Hosts) -> None:
    """The template is installed as it is; without a signature no row is loaded."""
    case = operator.case
    first = environment.set_up(case, hosts)
    assert environment.set_up(case, hosts) == first
    assert first.sha256 == template_of(case).digest
    adopting.adopt(case, HERE / "configuration")
    with pytest.raises(Waiting):
        environment.configure(case, hosts, "configuration")
    with operator.superuser() as session:
        assert session.execute("SELECT count(*) FROM reference.web_user").fetchall() == [(0,)]


def test_environment_is_the_template_unchanged(operator: FieldPro, hosts: Hosts) -> None:
    """Files by digest, tables by their definitions, rows by content: all as published and signed."""
    case = operator.case
    signatures.sign(case.document(adopting.DOCUMENT), operator.keys[RESPONSIBLE])
    for _ in range(2):
        environment.configure(case, hosts, "configuration")
        history = environment.configure(case, hosts, "history")
    assert {one.sheet: one.changed for one in history.sheets} == {"lists": 0, "customers": 0, "products": 0}
    proof = environment.prove(case, hosts, "environment-1")
    assert proof.template_sha256 == template_of(case).digest
    assert (proof.rows, proof.rejected) == (18, 1)


def test_every_change_of_the_environment_is_named(operator: FieldPro, hosts: Hosts) -> None:
    """A byte of the template, a column, a row, a file and a visit: each keeps the site from going live."""
    case = operator.case
    file = operator.place.path("template/schema.sql")
    published = file.read_bytes()
    file.write_bytes(published + b"\n")
    upload = operator.place.path("files/photo.jpg")
    upload.write_bytes(b"a photo")
    with operator.superuser() as session:
        session.execute("ALTER TABLE reference.product ADD COLUMN colour text")
        session.execute("UPDATE reference.web_user SET role = 'viewer' WHERE code = 'W-01'")
        session.execute("INSERT INTO work.visit (mobile_user, customer) VALUES ('M-01', 'C-0001')")
    with pytest.raises(DifferenceError) as told:
        environment.prove(case, hosts, "golive-1")
    for named in (
        "template visits: ",
        "tables: 67 definitions",
        "web_users W-01: differs",
        "work.visit: 1 rows",
    ):
        assert named in str(told.value)
    assert f"files: {upload}" in str(told.value)
    matches, said = operator.prod.matches_its_program()
    assert not matches
    assert "rivage-template" in said
    file.write_bytes(published)
    upload.unlink()
    with operator.superuser() as session:
        session.execute("ALTER TABLE reference.product DROP COLUMN colour")
        session.execute("TRUNCATE work.visit CASCADE")
    environment.configure(case, hosts, "configuration")
    environment.prove(case, hosts, "golive-2")
