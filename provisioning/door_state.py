"""
The states of a site's door: the one word that program, contract and resource have in common.

Promise: imports nothing, so the provider's process need not read the models of manifest and contract.
"""

from typing import Literal

DoorState = Literal["closed", "open", "suspended"]
"""closed: 503 with a page that says when it opens, only the verification path answers. open: users
are let in. suspended: 503 with the reason; the data stay."""

CLOSED_MARK = '<meta name="bascule-door" content="closed">'
"""In the page of every door that is not open: a load balancer's fixed answer can carry no Retry-After."""
