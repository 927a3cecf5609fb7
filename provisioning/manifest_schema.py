"""
The JSON Schema of a tenant's manifest, for editors: ``stacks/manifest.schema.json``.

Promise: generated from the models and from nothing else; a test proves that the file is current.
"""

import json
from pathlib import Path

from provisioning.manifest import Manifest

SCHEMA_FILE = "manifest.schema.json"


def schema_text() -> str:
    """Return the schema as it stands in the file, with a newline at its end."""
    schema = Manifest.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write_schema(stacks: Path) -> bool:
    """Write the schema into a ``stacks/`` folder; return whether that changed anything."""
    path = stacks / SCHEMA_FILE
    if path.is_file() and path.read_text() == schema_text():
        return False
    path.write_text(schema_text())
    return True
