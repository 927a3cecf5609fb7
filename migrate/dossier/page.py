"""
The dossier's two files: one HTML page for people, one JSON file for programs, sealed together.

Promise: the page needs nothing but itself (no network, no script); both are written whole, and the
same case gives the same content.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import jinja2

from migrate.case import Case, write_whole
from migrate.dossier import after, before, content, deployment, proof, record, way_back
from migrate.dossier.parts import Figure, Section, Verdict
from migrate.dossier.seal import chain_of, seal_facts, seal_page

_TEMPLATES = Path(__file__).parents[1] / "templates"

_SECTIONS: tuple[Callable[[Case], Section | None], ...] = (
    proof.stop,
    content.comparison,
    proof.golive,
    proof.interfaces,
    way_back.way_back,
    way_back.rehearsal,
    deployment.environment,
    deployment.milestones,
    deployment.bills,
    record.timeline,
    record.decisions,
    before.assessment,
    before.offer,
    before.window,
    after.settlement,
    record.journal,
)


@dataclass(frozen=True)
class Dossier:
    """Where the two files lie."""

    page: Path
    facts: Path


def paths(case: Case) -> Dossier:
    """Return where a case's dossier lies, or will lie."""
    folder, tenant = case.folder / "dossier", case.manifest.tenant
    return Dossier(folder / f"{tenant}.html", folder / f"{tenant}.json")


def write(case: Case) -> Dossier:
    """
    Write both files from the case as it stands.

    Raises:
        EvidenceError: The journal or a piece of evidence was changed; nothing is written then.
    """
    chain = chain_of(case)
    sections = [section for build in _SECTIONS if (section := build(case)) is not None]
    verdict, figures = proof.verdict(case), proof.figures(case)
    facts: dict[str, object] = {
        "tenant": case.manifest.tenant,
        "display_name": case.manifest.display_name,
        "site_name": case.manifest.site_name,
        "playbook": case.manifest.playbook,
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "verdict": verdict.text,
        "figures": [asdict(figure) for figure in figures],
        "evidence": case.raw_evidence(),
        "chain": chain.model_dump(),
    }
    sealed = seal_facts(facts)
    seal = sealed.decode().rpartition('"seal": "')[2][:64]
    page = _render(case, sections, verdict, figures, facts)
    place = paths(case)
    write_whole(place.facts, sealed)
    write_whole(place.page, seal_page(page, seal))
    return place


def _render(
    case: Case, sections: list[Section], verdict: Verdict, figures: list[Figure], facts: dict[str, object]
) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("dossier.html.j2").render(
        manifest=case.manifest,
        sections=sections,
        verdict=verdict,
        figures=figures,
        facts=facts,
        css=(_TEMPLATES / "dossier.css").read_text(encoding="utf-8"),
    )
