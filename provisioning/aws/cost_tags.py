"""
Cost-allocation tags: what lets a bill, and a site's budget, be told by tenant, environment and stack.

Promise: exactly the tags that every resource carries are active, no more: each is a column of the bill.
"""

from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import ResourceOptions

from provisioning.aws.component import Component


@dataclass(frozen=True, kw_only=True)
class CostTagsArgs:
    keys: tuple[str, ...]
    """Keys of tags that AWS has already seen on something: it takes no others, and a day to see one."""


class CostTags(Component):
    def __init__(self, name: str, args: CostTagsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        for key in args.keys:
            aws.costexplorer.CostAllocationTag(f"{name}-{key}", tag_key=key, status="Active", opts=self.child)
        self.register_outputs({})
