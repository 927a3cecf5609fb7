"""
What every record of Bascule is made from: manifests, evidence, documents' content, answers of programs.

Promise: it does not change once it is made, and a key that nobody knows is refused.
"""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Frozen, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
