"""
What the host hands the application through its environment.

Promise: everything is read once, at the start; what is missing is said all at once.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NEEDED = ("APP_DATABASE", "APP_LISTEN", "APP_FILES", "APP_INBOX", "APP_INTERFACE_TOKEN_FILE")


@dataclass(frozen=True)
class Settings:
    """How this instance runs."""

    database: str
    """libpq connection string; the password is in the file that PGPASSFILE names."""
    listen: str
    """``unix:<path>`` or ``<address>:<port>``."""
    files: Path
    inbox: Path
    token_file: Path
    version: str
    environment: str
    workers: int
    home: str
    """Name of the home, as the pages show it."""

    @classmethod
    def read(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        """Return the settings; ends the process with a sentence when some are missing."""
        missing = [name for name in NEEDED if not env.get(name)]
        if missing:
            sys.exit(f"pflegebuch cannot start: {', '.join(missing)} not set")
        return cls(
            database=env["APP_DATABASE"],
            listen=env["APP_LISTEN"],
            files=Path(env["APP_FILES"]),
            inbox=Path(env["APP_INBOX"]),
            token_file=Path(env["APP_INTERFACE_TOKEN_FILE"]),
            version=env.get("APP_VERSION", "0.0.0"),
            environment=env.get("APP_ENVIRONMENT", "unknown"),
            workers=int(env.get("APP_WORKERS", "4")),
            home=env.get("APP_SETTING_HOME", "Pflegeheim"),
        )
