"""
Commands on manifests: check, new-tenant, schema.

Promise: connects to nothing; writes in stacks/ only, and only what was asked for.
"""

from datetime import UTC, datetime
from json import dumps

from fabric import Connection, task
from rich.prompt import Prompt

from migrate.manifest_check import check_all
from migrate.new_tenant import Answers, missing_answers, write_tenant
from migrate.tasks.edge import FAILED, for_a_person
from provisioning.manifest_schema import write_schema
from provisioning.workspace import Workspace


@task(name="check", help={"json": "One JSON object instead of lines."})
def check(_c: Connection, json: bool = False) -> None:
    """Check every manifest in stacks/, its stack files and its playbook; tell all faults at once."""
    with for_a_person(as_json=json):
        checked = check_all(Workspace.find())
    if json:
        print(dumps({tenant: [str(fault) for fault in faults] for tenant, faults in checked.items()}))
    for tenant, faults in checked.items() if not json else ():
        print(f"stacks/{tenant}.yaml: {f'{len(faults)} to correct' if faults else 'sound'}")
        for fault in faults:
            print(f"  {fault}")
    if not checked and not json:
        print("no tenant yet\nNext: fab new-tenant")
    if any(checked.values()):
        raise SystemExit(FAILED)


@task(
    name="new-tenant",
    help={
        "tenant": "Name in paths, stacks and commands: lowercase, such as alpenblick.",
        "display-name": "As the customer writes it.",
        "site-name": "Host name of its site, such as alpenblick.care.example.",
        "responsible-name": "Confirms the offer and accepts the site.",
        "responsible-email": "Also the name that signs.",
        "technical-name": "Knows the legacy servers.",
        "technical-email": "That person's e-mail address.",
        "playbook": "The vendor's process; besa unless said otherwise.",
        "substrate": "local or aws.",
        "language": "In which its documents are written.",
        "time-zone": "In which its window is agreed, such as Europe/Zurich.",
        "json": "One JSON object instead of lines: the files that were written.",
    },
    # Otherwise technical-email would take -h, by which everybody asks for help.
    auto_shortflags=False,
)
def new_tenant(
    _c: Connection,
    tenant: str = "",
    display_name: str = "",
    site_name: str = "",
    responsible_name: str = "",
    responsible_email: str = "",
    technical_name: str = "",
    technical_email: str = "",
    playbook: str = "besa",
    substrate: str = "local",
    language: str = "fr",
    time_zone: str = "Europe/Zurich",
    json: bool = False,
) -> None:
    """Write a tenant's manifest and both stack files, from a few questions or these flags."""
    given = {
        "tenant": tenant,
        "display_name": display_name,
        "site_name": site_name,
        "responsible_name": responsible_name,
        "responsible_email": responsible_email,
        "technical_name": technical_name,
        "technical_email": technical_email,
    }
    with for_a_person(as_json=json):
        asked = {key: Prompt.ask(question) for key, question in missing_answers(given).items()}
        answers = Answers(
            **{**given, **asked},
            playbook=playbook,
            substrate=substrate,
            language=language,
            time_zone=time_zone,
        )
        workspace = Workspace.find()
        written = [
            str(path.relative_to(workspace.root))
            for path in write_tenant(workspace, answers, datetime.now(UTC))
        ]
    if json:
        print(dumps({"written": written}))
        return
    for name in written:
        print(f"wrote {name}")
    print(f"Next: fill in legacy: of stacks/{answers.tenant}.yaml, then fab check")


@task(name="schema")
def schema(_c: Connection) -> None:
    """Write stacks/manifest.schema.json, from which editors know a manifest's keys."""
    with for_a_person():
        changed = write_schema(Workspace.find().stacks)
    print(f"stacks/manifest.schema.json: {'written' if changed else 'current, nothing to do'}")
