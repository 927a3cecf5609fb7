"""
What a substrate tells whoever watches over stacks: what holds data, where a stack belongs, what is beside.

Promise: reads only. Each substrate has one, ``provisioning/<substrate>/survey.py``.
"""

import importlib
from collections.abc import Sequence
from datetime import date
from typing import Protocol

from provisioning.engine import PLATFORM, Stack
from provisioning.manifest_file import load_manifest
from provisioning.policy.resources import Resource
from provisioning.workspace import Workspace


class Survey(Protocol):
    """One substrate's."""

    STATEFUL: frozenset[str]
    """Types whose loss is a loss of data, or of what data are read with."""
    MODULES: tuple[str, ...]
    """What its programs and this survey import, for a process that checks many stacks to import once."""

    def misplaced(self, stack: Stack, state: Sequence[Resource]) -> str:
        """
        Say why this is not the place that the stack stands in: another account, region, machine; else "".

        Args:
            state: What the stack is made of by its state, providers included.

        Raises:
            SiteError: It cannot be told.
        """

    def beside(self, stack: Stack, state: Sequence[Resource], today: date) -> list[str]:
        """
        Return what carries the stack's mark and is in no state of it, but for what is excused today.

        Raises:
            SiteError: It cannot be told.
        """


def substrate_of(workspace: Workspace, tenant: str) -> str:
    """
    Return the substrate of a tenant's stacks, or of the platform's.

    Raises:
        ManifestError: There is no sound manifest.
    """
    return "aws" if tenant == PLATFORM else load_manifest(workspace, tenant).substrate


def survey_of(substrate: str) -> Survey:
    """Return a substrate's survey; manifests name no substrate that has none."""
    module: Survey = importlib.import_module(f"provisioning.{substrate}.survey")
    return module
