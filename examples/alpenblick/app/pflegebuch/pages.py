"""
The pages: overview, residents, assessments, documents, interfaces. They only read.

Promise: lists are paged and searched by the database; a document is only served from below the
folder of documents.
"""

from typing import Any

from flask import Blueprint, Response, abort, render_template, request, send_from_directory

from . import queries
from .database import Database
from .settings import Settings

PAGE = 25


def create(settings: Settings, database: Database) -> Blueprint:
    """Return the pages as a blueprint."""
    pages = Blueprint("pages", __name__)

    def show(template: str, **values: Any) -> str:
        return render_template(template, frozen=database.is_read_only(), **values)

    def listing(template: str, query: queries.Query, **filters: Any) -> str:
        number = max(1, request.args.get("seite", 1, type=int))
        search = request.args.get("q", "").strip()[:100]
        values = {
            "q": search,
            "like": f"%{search}%",
            "limit": PAGE + 1,
            "offset": (number - 1) * PAGE,
            **filters,
        }
        rows = database.rows(query, values)
        return show(
            template, rows=rows[:PAGE], more=len(rows) > PAGE, number=number, q=search, filters=filters
        )

    @pages.get("/")
    def overview() -> str:
        return show(
            "overview.html",
            figures=database.row(queries.FIGURES),
            levels=database.rows(queries.LEVELS),
            notes=database.rows(queries.IMPORTANT_NOTES),
            open_assessments=database.rows(queries.OPEN_ASSESSMENTS),
            interfaces=database.rows(queries.INTERFACES),
        )

    @pages.get("/bewohnende")
    def residents() -> str:
        gone = request.args.get("alle") == "1"
        return listing("residents.html", queries.RESIDENTS, alle=gone)

    @pages.get("/bewohnende/<int:ident>")
    def resident(ident: int) -> str:
        one = database.row(queries.RESIDENT, (ident,)) or abort(404)
        return show(
            "resident.html",
            one=one,
            assessments=database.rows(queries.ASSESSMENTS_OF, (ident,)),
            notes=database.rows(queries.NOTES_OF, (ident,)),
            prescriptions=database.rows(queries.PRESCRIPTIONS_OF, (ident,)),
            documents=database.rows(queries.DOCUMENTS_OF, (ident,)),
            weights=[row["wert"] for row in database.rows(queries.WEIGHTS_OF, (ident,))],
        )

    @pages.get("/assessments")
    def assessments() -> str:
        status = request.args.get("status", "")
        return listing(
            "assessments.html", queries.ASSESSMENTS, status=status if status in queries.STATUS else ""
        )

    @pages.get("/assessments/<int:ident>")
    def assessment(ident: int) -> str:
        one = database.row(queries.ASSESSMENT, (ident,)) or abort(404)
        sections: dict[str, list[dict[str, Any]]] = {}
        for answer in database.rows(queries.ANSWERS, (ident,)):
            sections.setdefault(answer["bereich"], []).append(answer)
        return show(
            "assessment.html",
            one=one,
            sections=sections,
            scales=database.rows(queries.SCALES, (ident,)),
            capps=database.rows(queries.CAPPS, (ident,)),
            attachments=database.rows(queries.ATTACHMENTS, (ident,)),
        )

    @pages.get("/dokumente")
    def documents() -> str:
        return listing("documents.html", queries.DOCUMENTS)

    @pages.get("/dokumente/<int:ident>")
    def document(ident: int) -> Response:
        one = database.row("SELECT pfad FROM epdoc.dokument WHERE id = %s", (ident,)) or abort(404)
        return send_from_directory(settings.files.resolve(), one["pfad"])

    @pages.get("/anhaenge/<int:ident>")
    def attachment(ident: int) -> Response:
        one = database.row(queries.ATTACHMENT, (ident,)) or abort(404)
        response = Response(one["inhalt"], mimetype="application/octet-stream")
        response.headers.set("Content-Disposition", "attachment", filename=f"anhang-{ident}.dcm")
        return response

    @pages.get("/schnittstellen")
    def interfaces() -> str:
        return show(
            "interfaces.html",
            interfaces=database.rows(queries.INTERFACES),
            messages=database.rows(queries.LAST_MESSAGES),
        )

    return pages
