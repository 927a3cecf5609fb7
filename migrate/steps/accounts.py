"""
The step that makes accounts, in the roles that the firm's sheet says.

Promise: repeatable, and nothing is deleted at the provider.
"""

from collections import Counter

from migrate.step import Result, StepContext, step


@step("create-accounts", changes=True)
def create_accounts(ctx: StepContext) -> Result:
    """Make an account for each of the firm's users over SCIM 2.0, with the permissions of its role."""
    from migrate.accounts import creating  # here: SCIM takes over a second

    made = creating.create(ctx.case, ctx.progress)
    return {
        "accounts": len(made.accounts),
        "changed": made.changed,
        "roles": dict(Counter(account.role for account in made.accounts)),
    }
