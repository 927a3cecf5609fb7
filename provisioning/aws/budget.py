"""
Budgets: what a tenant's environment may cost a month, and who hears when it will cost more.

Promise: told ahead, by forecast, at half, at four fifths and at the whole.
"""

from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, ResourceOptions

from provisioning.aws.component import Component, TaggedArgs, refuse_unless

_TOLD_AT_PERCENT = (50, 80, 100)


@dataclass(frozen=True, kw_only=True)
class MonthlyBudgetArgs(TaggedArgs):
    limit_usd: int
    topic_arn: Input[str]
    tag: tuple[str, str] | None = None
    """Key and value of the cost-allocation tag that it is about; None for the whole account."""


class MonthlyBudget(Component):
    def __init__(self, name: str, args: MonthlyBudgetArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        refuse_unless(args.limit_usd > 0, f"{name}: a budget of {args.limit_usd} USD", "limit_usd= above 0")
        tag = args.tag
        aws.budgets.Budget(
            f"{name}-budget",
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(args.limit_usd),
            limit_unit="USD",
            cost_filters=[
                aws.budgets.BudgetCostFilterArgs(name="TagKeyValue", values=[f"user:{tag[0]}${tag[1]}"])
            ]
            if tag
            else None,
            notifications=[
                aws.budgets.BudgetNotificationArgs(
                    notification_type="FORECASTED",
                    comparison_operator="GREATER_THAN",
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                    subscriber_sns_topic_arns=[args.topic_arn],
                )
                for percent in _TOLD_AT_PERCENT
            ],
            tags=args.tags,
            opts=self.child,
        )
        self.register_outputs({})
