"""
A site's door: its states, and its way in for verification. What program, contract and resource share.

Promise: imports nothing, so the provider's process need not read the models of manifest and contract.
"""

from typing import Literal

DoorState = Literal["closed", "open", "suspended"]
"""closed: 503 with a page that says when it opens, only the verification path answers. open: users
are let in. suspended: 503 with the reason; the data stay."""

VERIFICATION_PATH = "/.bascule/verify/"
"""What answers behind a door that is closed, to whoever shows the verification token."""

CLOSED_MARK = '<meta name="bascule-door" content="closed">'
"""In the page of every door that is not open: a load balancer's fixed answer can carry no Retry-After."""
