"""
The papers of a deployment: point of contact, contract, hand-over, validation, steering committee.

Promise: each is drawn from manifest, evidence and journal, in the tenant's language; the same facts give the
same bytes.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from migrate import adjustments, deadlines, documents
from migrate.case import Case
from migrate.deploy import DeployedSite
from migrate.documents import Voice
from migrate.environment import Proof
from migrate.environment_template import deployment_of, template_of
from migrate.errors import MigrationError
from migrate.rates import load_rates, money
from migrate.signatures import signature_of
from provisioning.manifest import Person

Facts = Sequence[tuple[str, str]]


def _write(
    case: Case,
    name: str,
    facts: Facts,
    rows: Sequence[Sequence[str]] = (),
    *,
    signer: Person | None = None,
    heads: Sequence[str] = (),
) -> Path:
    return documents.write(
        case,
        f"{name}.pdf",
        "deployment",
        vendor=load_rates(case.workspace).vendor,
        subject=name,
        facts=facts,
        heads=heads,
        rows=rows,
        signer=signer or case.manifest.contacts.responsible,
        environment=template_of(case).description.title,
    )


def _person(person: Person) -> str:
    return " · ".join(filter(None, (person.name, str(person.email), person.phone)))


def write_contact(case: Case) -> Path:
    """Write who is the single point of contact, with both skills."""
    voice, contact = Voice.of(case.manifest), deployment_of(case).contact
    ticked = {True: "☑", False: "☐"}
    facts = [
        (voice.say("deployment.single_contact"), _person(contact)),
        (voice.say("deployment.business"), ticked[contact.knows_business]),
        (voice.say("deployment.it"), ticked[contact.knows_it]),
    ]
    return _write(case, "contact", facts)


def write_contract(case: Case) -> Path:
    """Write the SaaS contract of a custom environment."""
    voice, terms, deployment = Voice.of(case.manifest), case.manifest.subscription, deployment_of(case)
    if terms is None:
        raise MigrationError(f"{case.manifest.tenant} has no subscription: in its manifest")
    facts = [
        (voice.say("support.site"), case.manifest.site_name),
        (voice.say("deployment.fee"), voice.money(money(deployment.fee))),
        (voice.say(f"deployment.price.{terms.period}"), voice.money(money(terms.price))),
        (voice.say("deployment.payment"), voice.say("deployment.payment_terms")),
    ]
    return _write(case, "contract", facts)


def write_handover(case: Case) -> Path:
    """Write that the customer success officer takes over from sales."""
    voice, officer = Voice.of(case.manifest), deployment_of(case).officer
    if officer is None:
        raise MigrationError(f"{case.manifest.tenant} has no deployment: officer: in its manifest")
    facts = [
        (voice.say("deployment.officer"), _person(officer)),
        (voice.say("deployment.single_contact"), _person(deployment_of(case).contact)),
        (voice.say("deployment.begins"), voice.day(deployment_of(case).begins_on)),
    ]
    return _write(case, "handover", facts, signer=officer)


def write_validation(case: Case, proof: Proof, figures: Sequence[str]) -> Path:
    """Write what the customer validates: the environment as it is proved, its figures, what was adjusted."""
    voice = Voice.of(case.manifest)
    facts = [
        (voice.say("support.site"), case.read_evidence("site-prod", DeployedSite).url),
        (voice.say("deployment.template_digest"), f"SHA-256 {proof.template_sha256}"),
        (voice.say("deployment.workbook_digest"), f"SHA-256 {proof.workbook_sha256}"),
        (voice.say("deployment.rows"), voice.number(proof.rows)),
        (voice.say("deployment.rejected"), voice.number(proof.rejected)),
        (voice.say("deployment.figures"), ", ".join(figures) or "–"),
    ]
    heads = [
        voice.say("deployment.adjustment"),
        voice.say("deployment.asked_by"),
        voice.say("deployment.done_by"),
    ]
    rows = [(one.what, one.by, one.done_by or "–") for one in adjustments.every(case)]
    return _write(case, "validation", facts, rows, heads=heads)


def write_steering(case: Case, now: datetime) -> Path:
    """Write what is late and why, with the later days to agree on; another paper voids the signature."""
    voice, document = Voice.of(case.manifest), case.document(deadlines.PAPER)
    before = document.read_bytes() if document.exists() else b""
    late = [one for one in deadlines.milestones(case, now) if one.late_days]
    facts = [
        (
            voice.say("deployment.late", milestone=_called(voice, "milestone", one.name)),
            voice.say("deployment.late_by", days=one.late_days, due=voice.day(one.due)),
        )
        for one in late
    ] + [
        (
            voice.say("deployment.later", milestone=_called(voice, "milestone", one.milestone)),
            f"{voice.day(one.until)} ({one.by}: {one.reason})",
        )
        for one in deadlines.postponements(case)
    ]
    heads = [voice.say(f"deployment.{head}") for head in ("waited_for", "since", "days")]
    rows = [
        (_called(voice, "wait", waited.about), voice.day(waited.since.date()), voice.number(waited.days(now)))
        for one in late
        for waited in one.waited
    ]
    path = _write(case, "steering", facts, rows, heads=heads)
    if path.read_bytes() != before:
        signature_of(path).unlink(missing_ok=True)
    return path


def _called(voice: Voice, kind: str, name: str) -> str:
    """Return a milestone's or a step's name in the tenant's language; a vendor's own stays as it is."""
    phrase = f"deployment.{kind}.{name}"
    return voice.say(phrase) if phrase in documents.phrases() else name
