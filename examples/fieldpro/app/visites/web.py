"""
The pages: what there is to visit, recording a visit, and the customer's own figures.

Promise: every value that is shown was escaped by its template; what cannot be recorded is told as that.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg
from flask import Flask, Response, jsonify, render_template_string, request
from psycopg import sql
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

PAGE = """<!doctype html>
<html lang="fr"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ title }}</title>
<style>body{font:1rem/1.6 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2733}
table{border-collapse:collapse;margin:1rem 0;width:100%}th,td{text-align:left;padding:.3rem .6rem;
border-bottom:1px solid #c9d2dc}caption{text-align:left;font-weight:600;padding:.3rem 0}
.wide{overflow-x:auto}</style></head>
<body><header><nav aria-label="Pages"><a href="/">Clients</a> ·
<a href="/dashboards">Tableaux de bord</a></nav></header><main><h1>{{ title }}</h1>
{% for caption, heads, rows in tables %}
<div class="wide" tabindex="0" role="region" aria-label="{{ caption }}">
<table><caption>{{ caption }}</caption>
<thead><tr>{% for head in heads %}<th scope="col">{{ head }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell if cell is not none }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></div>
{% else %}<p>Rien à montrer.</p>{% endfor %}</main></body></html>
"""

FIGURES = """
SELECT c.relname, obj_description(c.oid, 'pg_class')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'kpi' AND c.relkind = 'v' ORDER BY 1
"""


def create_app(pool: ConnectionPool) -> Flask:
    """Return the web application."""
    app = Flask(__name__)

    def read(statement: str | sql.Composed) -> tuple[list[str], list[tuple[Any, ...]]]:
        with pool.connection() as connection:
            cursor = connection.execute(statement)
            return [column.name for column in cursor.description or ()], cursor.fetchall()

    @app.get("/healthz")
    def healthz() -> Response:
        read("SELECT count(*) FROM reference.web_user")
        next(Path(os.environ["APP_FILES"]).iterdir(), None)
        return jsonify(status="ok")

    @app.get("/version")
    def version() -> Response:
        return jsonify(version=os.environ["APP_VERSION"], environment=os.environ["APP_ENVIRONMENT"])

    @app.get("/")
    def customers() -> str:
        heads, rows = read("SELECT code, name, region, phone FROM reference.customer ORDER BY name")
        return _page("Clients", [("Clients à visiter", heads, rows)])

    @app.get("/dashboards")
    def dashboards() -> str:
        _, figures = read(FIGURES)
        tables = []
        for name, title in figures:
            heads, rows = read(sql.SQL("SELECT * FROM {}").format(sql.Identifier("kpi", name)))
            tables.append((title or name, heads, rows))
        return _page("Tableaux de bord", tables)

    @app.post("/visits")
    def record() -> tuple[Response, int]:
        said = request.get_json()
        try:
            with pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
                cursor.execute(
                    "INSERT INTO work.visit (mobile_user, customer, note)"
                    " VALUES (%(user)s, %(customer)s, %(note)s) RETURNING id",
                    {"user": said["user"], "customer": said["customer"], "note": said.get("note", "")},
                )
                row = cursor.fetchone()
                for product, quantity in said.get("orders", {}).items():
                    cursor.execute(
                        "INSERT INTO work.order_line (visit, product, quantity) VALUES (%s, %s, %s)",
                        (row["id"] if row else None, product, quantity),
                    )
        except psycopg.Error as error:
            return jsonify(error=error.diag.message_primary), 409
        return jsonify(id=row["id"] if row else None), 201

    return app


def _page(title: str, tables: Iterable[tuple[str, list[str], list[tuple[Any, ...]]]]) -> str:
    return render_template_string(PAGE, title=title, tables=list(tables))
