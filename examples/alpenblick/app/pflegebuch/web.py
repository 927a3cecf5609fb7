"""
The application as the web sees it: health, version, interface endpoints and the pages.

Promise: pages go on while the database is read-only; what would write answers 503 with
``Retry-After``, and so does everything while the database is away. Nothing is stored without the token.
"""

import hmac
import logging
from http import HTTPStatus

from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from . import formats, pages
from .database import Database, ReadOnly, Unavailable
from .receiving import Message, Outcome, state, store
from .settings import Settings

RETRY_AFTER_SECONDS = 5
_STATUS = {Outcome.STORED: 201, Outcome.KNOWN: 200, Outcome.GAP: 409, Outcome.CONFLICT: 422}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_log = logging.getLogger(__name__)


def create_app(settings: Settings, database: Database) -> Flask:
    """Return the WSGI application."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 1_000_000
    app.jinja_env.filters.update(formats.FILTERS)
    app.register_blueprint(pages.create(settings, database))

    @app.get("/healthz")
    def health() -> Response:
        frozen = database.is_read_only()  # away: Unavailable, so 503
        return jsonify(status="ok", database="read-only" if frozen else "read-write")

    @app.get("/version")
    def version() -> Response:
        return jsonify(name="pflegebuch", version=settings.version, environment=settings.environment)

    @app.post("/interfaces/<name>/messages")
    def receive(name: str) -> tuple[Response, int]:
        if not _has_token(settings):
            return jsonify(error="a valid bearer token is needed"), HTTPStatus.UNAUTHORIZED
        body = request.get_json(silent=True)
        if isinstance(body, dict) and body.get("probe") is True:
            frozen = database.is_read_only()  # asked for its answer: a site may be read-only until it opens
            return jsonify(probe="accepted", writable=not frozen), HTTPStatus.ACCEPTED
        try:
            message = Message.parse(name, body)
        except ValueError as error:
            return jsonify(error=str(error)), HTTPStatus.BAD_REQUEST
        outcome, last = store(database, message)
        return jsonify(outcome=outcome.value, last_sequence=last), _STATUS[outcome]

    @app.get("/interfaces/<name>/state")
    def interface_state(name: str) -> tuple[Response, int]:
        if not _has_token(settings):
            return jsonify(error="a valid bearer token is needed"), HTTPStatus.UNAUTHORIZED
        return jsonify(state(database, name)), HTTPStatus.OK

    @app.errorhandler(ReadOnly)
    def read_only(_: ReadOnly) -> Response:
        return _retry_later("read-only", "Das System nimmt zurzeit keine Eingaben an: Es wird umgezogen.")

    @app.errorhandler(Unavailable)
    def unavailable(_: Unavailable) -> Response:
        return _retry_later("unavailable", "Die Daten sind gerade nicht erreichbar.")

    @app.errorhandler(HTTPException)
    def problem(error: HTTPException) -> tuple[str, int] | tuple[Response, int]:
        code = error.code or 500
        if _is_for_a_program():
            return jsonify(error=error.name), code
        what = "Diese Seite gibt es nicht." if code == HTTPStatus.NOT_FOUND else "Das ging nicht."
        return render_template("problem.html", code=code, what=what), code

    @app.errorhandler(Exception)
    def broken(error: Exception) -> tuple[str, int] | tuple[Response, int]:
        _log.error("%s %s", request.method, request.path, exc_info=error)
        if _is_for_a_program():
            return jsonify(error="internal error"), HTTPStatus.INTERNAL_SERVER_ERROR
        return render_template("problem.html", code=500, what="Hier ist uns ein Fehler passiert."), 500

    @app.context_processor
    def everywhere() -> dict[str, object]:
        return {"home": settings.home, "version": settings.version, "environment": settings.environment}

    @app.after_request
    def harden(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return app


def _has_token(settings: Settings) -> bool:
    # Read each time: the host may change it without a restart.
    wanted = settings.token_file.read_text().strip()
    return bool(wanted) and hmac.compare_digest(
        request.headers.get("Authorization", "").encode(), f"Bearer {wanted}".encode()
    )


def _is_for_a_program() -> bool:
    return request.path.startswith(("/interfaces/", "/healthz", "/version"))


def _retry_later(state: str, what: str) -> Response:
    if _is_for_a_program():
        response = jsonify(status=state)
    else:
        response = Response(render_template("problem.html", code=503, what=what), mimetype="text/html")
    response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response
