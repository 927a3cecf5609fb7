"""
Install the ERP on the workshop's server as its vendor would, and make baselines from reference installations.

Promise: each may be repeated; passwords stay in memory. A baseline comes from an installation of its version
beside the workshop's own, which is dropped again.
"""

from pathlib import Path
from typing import Any

from psycopg import sql

from examples import machines
from migrate.product.baseline import folder_of, write_baseline
from migrate.product.description import Product, load_product
from migrate.product.objects import Kind, Object, in_database

HERE = Path(__file__).resolve().parent
DATABASE = "clipper"
FIRST, LAST = "6", "2023"
_KINDS: dict[str, Kind] = {"rapports": "report", "scripts": "script"}


def connect(outputs: dict[str, Any], ca: Path, *, dbname: str = DATABASE, role: str = "migration") -> Any:
    """Open a session on the server, as the role that the machine's outputs name."""
    return machines.connect(outputs, ca, dbname=dbname, role=role, options="-c search_path=")


def make_baselines(folder: Path, outputs: dict[str, Any], ca: Path) -> None:
    """Make the baselines of the first and the last version, unless both are there."""
    product = load_product(folder)
    if all((folder_of(product, folder, version) / "manifest.yaml").exists() for version in (FIRST, LAST)):
        return
    reference = sql.Identifier("reference")
    with connect(outputs, ca) as session:
        session.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(reference))
        session.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(reference))
        with connect(outputs, ca, dbname="reference") as installed:
            installed.execute((folder / "deliveries" / FIRST / "schema.sql").read_bytes())
            installed.execute("INSERT INTO erp.societe VALUES ('reference', '6')")
            write_baseline(product, folder, FIRST, _objects(installed, product, folder, FIRST))
            for hop in (one for one in product.upgrades if product.rank(one.from_) >= product.rank(FIRST)):
                for step in hop.steps:
                    if step.sql:
                        installed.execute((folder / step.sql).read_bytes())
            write_baseline(product, folder, LAST, _objects(installed, product, folder, LAST))
        session.execute(sql.SQL("DROP DATABASE {}").format(reference))


def _objects(session: Any, product: Product, folder: Path, version: str) -> list[Object]:
    found = in_database(session, product)
    for tree in product.trees:
        for path in sorted((folder / "deliveries" / version / tree.path).iterdir()):
            found.append(Object(_KINDS[tree.path], f"{tree.tree}/{tree.path}/{path.name}", path.read_bytes()))
    return found


def install(folder: Path, outputs: dict[str, Any], ca: Path, *, orders: int) -> None:
    """Install the first version with the workshop's data and customisations, unless it is there."""
    with connect(outputs, ca, role="owner") as session, session.transaction():
        (there,) = session.execute("SELECT to_regclass('erp.societe') IS NOT NULL").fetchone()
        if there:
            return
        session.execute("SET LOCAL synchronous_commit = off")
        session.execute((folder / "deliveries" / FIRST / "schema.sql").read_bytes())
        # The triggers of the delivery would count each order's total again with every line.
        session.execute("ALTER TABLE erp.ligne DISABLE TRIGGER total")
        data = (HERE / "database" / "data.sql").read_text().replace("{orders}", str(orders))
        session.execute(data.encode())
        session.execute("ALTER TABLE erp.ligne ENABLE TRIGGER total")
        session.execute(
            "UPDATE erp.commande c SET total = l.total FROM (SELECT commande_id,"
            " sum(quantite * erp.prix_vente(article_id)) AS total FROM erp.ligne GROUP BY 1) l"
            " WHERE l.commande_id = c.id"
        )
        session.execute((HERE / "customer" / "customer.sql").read_bytes())
        people = sql.Identifier(outputs["people"])
        for grant in (
            "GRANT USAGE ON SCHEMA erp TO {}",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA erp TO {}",
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA erp TO {}",
        ):
            session.execute(sql.SQL(grant).format(people))
