"""
The door of a site on AWS: rules of the shared load balancer's listener.

Promise: closed and suspended answer with a fixed 503 before any host is asked, but for the verification path;
a flip is one change of one rule. Rules are in a place derived from the stack's name, so that no two sites
share one; where two names meet all the same AWS refuses the second, and ``bascule:doorPlace`` moves it.
"""

import hashlib
import html
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from provisioning import door_page
from provisioning.aws.component import Component, TaggedArgs, refuse_unless
from provisioning.door_state import VERIFICATION_PATH, DoorState

PLACES = 24_000
"""Priorities 1 to 24 000 are verification paths, the 24 000 after them doors, which are asked later."""
PAGE_BYTES = 1024
"""What a fixed answer of a load balancer may hold."""


def page(state: DoorState, reason: str = "", language: str = "en") -> str:
    """Return what users see while the door is not open, at most `PAGE_BYTES` long; a longer reason is cut."""
    form, shown = door_page.form(state, language), reason or door_page.later(language)
    while len(form.replace(door_page.REASON, html.escape(shown)).encode()) > PAGE_BYTES:
        shown = shown[:-2] + "…"
    return form.replace(door_page.REASON, html.escape(shown))


def place_of(stack: str) -> int:
    """Return the place of a stack's rules, 1 to `PLACES`."""
    return int.from_bytes(hashlib.sha256(stack.encode()).digest()[:4], "big") % PLACES + 1


@dataclass(frozen=True, kw_only=True)
class SiteDoorArgs(TaggedArgs):
    listener_arn: Input[str]
    target_group_arn: Input[str]
    names: Sequence[str]
    """Host names of the site, five at most."""
    state: DoorState
    reason: str = ""
    language: str = "en"
    place: int


class SiteDoor(Component):
    rule_arn: Output[str]
    """The rule that a flip changes."""

    def __init__(self, name: str, args: SiteDoorArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        refuse_unless(
            1 <= args.place <= PLACES,
            f"{name}: a door's place is 1 to {PLACES}, not {args.place}",
            "pulumi config set bascule:doorPlace NUMBER",
        )
        for_site = aws.lb.ListenerRuleConditionArgs(
            host_header=aws.lb.ListenerRuleConditionHostHeaderArgs(values=list(args.names))
        )
        action = aws.lb.ListenerRuleActionArgs
        aws.lb.ListenerRule(
            f"{name}-verification",
            listener_arn=args.listener_arn,
            priority=args.place,
            conditions=[
                for_site,
                aws.lb.ListenerRuleConditionArgs(
                    path_pattern=aws.lb.ListenerRuleConditionPathPatternArgs(values=[f"{VERIFICATION_PATH}*"])
                ),
            ],
            # Who may verify is the host's decision: a token in a rule could be read by anybody who may list
            # rules.
            actions=[action(type="forward", target_group_arn=args.target_group_arn)],
            tags=args.tags,
            opts=self.child,
        )
        if args.state == "open":
            wanted = action(type="forward", target_group_arn=args.target_group_arn)
        else:
            fixed = aws.lb.ListenerRuleActionFixedResponseArgs(
                content_type="text/html",
                status_code="503",
                message_body=page(args.state, args.reason, args.language),
            )
            wanted = action(type="fixed-response", fixed_response=fixed)
        rule = aws.lb.ListenerRule(
            f"{name}-door",
            listener_arn=args.listener_arn,
            priority=PLACES + args.place,
            conditions=[for_site],
            actions=[wanted],
            tags=args.tags,
            opts=self.child,
        )
        self.rule_arn = rule.arn
        self.register_outputs({"rule_arn": self.rule_arn})
