"""
A new tenant's first files: its manifest and both of its stack files.

Promise: what is written passes ``fab check``, and no file that exists is ever overwritten.
"""

import json
import sys
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import jinja2

from migrate.errors import Refused
from provisioning.manifest_file import read_manifest
from provisioning.manifest_schema import write_schema
from provisioning.workspace import Workspace

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What has to be known of a tenant to begin with. All of it can be changed in the file later."""

    tenant: str
    display_name: str
    site_name: str
    responsible_name: str
    responsible_email: str
    technical_name: str
    technical_email: str
    playbook: str = "besa"
    substrate: str = "local"
    language: str = "fr"
    currency: str = "CHF"
    time_zone: str = "Europe/Zurich"
    legacy_host: str = "server"
    database: str = "main"


QUESTIONS = {
    "tenant": "Name in paths, stacks and commands (lowercase, such as alpenblick)",
    "display_name": "Name as the customer writes it",
    "site_name": "Host name of its site (such as alpenblick.care.example)",
    "responsible_name": "Who confirms the offer and accepts the site",
    "responsible_email": "That person's e-mail address (also the name that signs)",
    "technical_name": "Who knows the legacy servers",
    "technical_email": "That person's e-mail address",
}


def missing_answers(given: dict[str, str]) -> dict[str, str]:
    """
    Return the questions that are still open, by answer.

    Raises:
        Refused: Some are open and nobody is there to be asked (no terminal); names their flags.
    """
    open_questions = {key: question for key, question in QUESTIONS.items() if not given.get(key)}
    if open_questions and not sys.stdin.isatty():
        flags = " ".join("--" + key.replace("_", "-") for key in open_questions)
        raise Refused(f"no terminal to ask on, and these flags are missing: {flags}")
    return open_questions


def wished_window(now: datetime, time_zone: str) -> tuple[datetime, datetime]:
    """
    Return 17:00 on the Tuesday of the week after next and 17:00 the day after, in that zone.

    A zone that nobody knows counts as UTC here: the manifest's check names it, with all other faults.
    """
    monday = now.date() - timedelta(days=now.weekday())
    tuesday = monday + timedelta(days=15)
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = ZoneInfo("UTC")
    return (
        datetime.combine(tuesday, time(17), zone),
        datetime.combine(tuesday + timedelta(days=1), time(17), zone),
    )


def write_tenant(workspace: Workspace, answers: Answers, now: datetime) -> list[Path]:
    """
    Write ``<tenant>.yaml`` and ``Pulumi.<tenant>-{test,prod}.yaml``; return their paths.

    Raises:
        Refused: One of the files exists, or the answers do not make a sound manifest (every fault told).
    """
    stacks = workspace.stacks
    manifest = stacks / f"{answers.tenant}.yaml"
    opens_at, closes_at = wished_window(now, answers.time_zone)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - YAML, not HTML; every value goes through the yaml filter
    )
    environment.filters["yaml"] = _as_yaml
    text = environment.get_template("tenant.yaml.j2").render(
        answers=answers, opens_at=opens_at.isoformat(), closes_at=closes_at.isoformat()
    )
    _check(text, answers.tenant)
    files = {
        manifest: text,
        stacks / f"Pulumi.{answers.tenant}-test.yaml": _stack_file("test"),
        stacks / f"Pulumi.{answers.tenant}-prod.yaml": _stack_file("prod"),
    }
    present = [path.name for path in files if path.exists()]
    if present:
        raise Refused(
            f"stacks/ already holds {', '.join(present)}; nothing was written",
            next_step=f"edit stacks/{answers.tenant}.yaml, or take another --tenant",
        )
    stacks.mkdir(exist_ok=True)
    for path, content in files.items():
        path.write_text(content, encoding="utf-8")
    write_schema(stacks)
    return list(files)


def _check(text: str, tenant: str) -> None:
    """Refuse answers that make a faulty manifest before any file is written."""
    manifest, faults = read_manifest(text, file_stem=tenant)
    if manifest is None or faults:
        listed = "\n".join(f"  {fault.path}: {fault.says}" for fault in faults)
        raise Refused(
            f"these answers do not make a sound manifest; nothing was written\n{listed}",
            next_step="fab new-tenant again, with other answers",
        )


def _stack_file(environment: str) -> str:
    protect = "true" if environment == "prod" else "false"
    return (
        "config:\n"
        "  # Flipped by go-live and by `fab door`; declared here so that a drift check sees it.\n"
        "  bascule:door: closed\n"
        "  # true: destroying it needs this lifted, and takes a final backup first.\n"
        f'  bascule:protect: "{protect}"\n'
    )


def _as_yaml(value: str) -> str:
    """Write a string as a double-quoted YAML scalar, which JSON's strings are."""
    return json.dumps(value, ensure_ascii=False)
