"""
A vendor's product in small for tests: three versions, a chain, a baseline, and an installation's SQL.

Promise: `product_folder` writes a folder that loads; what a test changes it changes on purpose.
"""

from pathlib import Path
from typing import Any

import yaml

PRODUCT: dict[str, Any] = {
    "name": "atelier",
    "title": "Atelier",
    "versions": ["5", "6", "7"],
    "version": "SELECT version FROM erp.about",
    "schemas": ["erp"],
    "probes": [{"name": "about", "sql": "SELECT version FROM erp.about"}],
    "licences": {
        "users": "SELECT 'ADM', 'Ada', 'full'",
        "workstations": "SELECT 'desk', 'ADM'",
    },
    "client": {"folder": "client", "open": "open"},
    "upgrades": [
        {"from": "5", "to": "6", "steps": [{"name": "rows", "sql": "up/5-6.sql"}]},
        {
            "from": "6",
            "to": "7",
            "steps": [
                {"name": "old-data", "sql": "up/old.sql", "started_from": ["5"]},
                {"name": "columns", "sql": "up/6-7.sql"},
            ],
        },
    ],
}
INSTALL = """
CREATE SCHEMA erp;
CREATE TABLE erp.about (version text);
INSERT INTO erp.about VALUES ('5');
CREATE TABLE erp.part (id int PRIMARY KEY, price numeric);
CREATE FUNCTION erp.margin(price numeric) RETURNS numeric LANGUAGE sql AS 'SELECT price * 1.3';
CREATE VIEW erp.cheap AS SELECT id FROM erp.part WHERE price < 10;
"""
FILES = {
    "recommendation.yaml": "rows: [{id: cores, title: Cores, measure: cores, at_least: 1}]\n",
    "client/open": 'test "$2" != BAD && echo "$2 opened $1"\n',
    "up/5-6.sql": "ALTER TABLE erp.part ADD COLUMN unit text; UPDATE erp.about SET version = '6';",
    "up/old.sql": "UPDATE erp.part SET unit = 'P';",
    "up/6-7.sql": "ALTER TABLE erp.part ADD COLUMN vat numeric; UPDATE erp.about SET version = '7';",
}


def product_folder(folder: Path, **changes: Any) -> Path:
    """Write the product into a folder and return it."""
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (folder / "product.yaml").write_text(yaml.safe_dump({**PRODUCT, **changes}, sort_keys=False))
    return folder
