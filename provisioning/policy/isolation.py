"""
Isolation: nothing of one tenant names anything of another.

Promise: computed from what stands, not from what was meant: a security group, key, role, bucket or rule of
one stack that is named in an input of another's is found, wherever it stands in that input.
"""

import json
from collections.abc import Sequence

from provisioning.policy.resources import Resource


def crossings(mine: Sequence[Resource], theirs: Sequence[Resource]) -> list[str]:
    """Return where `mine` names something of `theirs`, one line each; what has no identity is passed by."""
    foreign = {word: one.name for one in theirs for word in one.identities}
    found = []
    for resource in mine:
        text = json.dumps(resource.inputs)
        found += [f"{resource.name} names {name}" for word, name in foreign.items() if word in text]
    return sorted(set(found))
