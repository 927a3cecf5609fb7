"""
Who may do what from CI: no keys, but tokens that the forge signs for one workflow.

Promise: a preview can change nothing; only the environment that people guard may deploy; whatever is
deployed can make no role that is freer than the boundary.
"""

from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from provisioning.aws.account import Account
from provisioning.aws.component import Component, TaggedArgs, allow, policy, refuse_unless
from provisioning.manifest import Environment

_ISSUER = "token.actions.githubusercontent.com"
_HOURS_SECONDS = 3600
_FORBIDDEN = [
    "cloudtrail:DeleteTrail",
    "cloudtrail:StopLogging",
    "iam:CreateAccessKey",
    "iam:CreateUser",
    "organizations:*",
    "account:*",
]


@dataclass(frozen=True, kw_only=True)
class CiIdentityArgs(TaggedArgs):
    account: Account
    repository: str
    """``owner/name`` on the forge."""
    environment: Environment


class CiIdentity(Component):
    boundary_arn: Output[str]
    preview_role_arn: Output[str]
    deploy_role_arn: Output[str]

    def __init__(self, name: str, args: CiIdentityArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        refuse_unless(
            args.repository.count("/") == 1 and "*" not in args.repository,
            f"{args.repository!r} is no repository",
            "pulumi config set bascule:repository owner/name",
        )
        self._name, self._args = name, args
        issuer = aws.iam.OpenIdConnectProvider(
            f"{name}-forge",
            url=f"https://{_ISSUER}",
            client_id_lists=["sts.amazonaws.com"],
            tags=args.tags,
            opts=self.child,
        )
        boundary = aws.iam.Policy(
            f"{name}-boundary",
            description="What no role of a site and no role of CI can go beyond",
            policy=policy(
                allow("*", "*"), {"Effect": "Deny", "Action": _FORBIDDEN, "Resource": "*", "Sid": "Never"}
            ),
            tags=args.tags,
            opts=self.child,
        )
        self.boundary_arn = boundary.arn
        environment = args.environment
        preview = self._role(
            "preview", issuer.arn, f"repo:{args.repository}:environment:preview-{environment}"
        )
        deploy = self._role("deploy", issuer.arn, f"repo:{args.repository}:environment:{environment}")
        aws.iam.RolePolicyAttachment(
            f"{name}-preview-reads",
            role=preview.name,
            policy_arn="arn:aws:iam::aws:policy/ReadOnlyAccess",
            opts=self.child,
        )
        aws.iam.RolePolicyAttachment(
            f"{name}-deploy-acts",
            role=deploy.name,
            policy_arn="arn:aws:iam::aws:policy/PowerUserAccess",
            opts=self.child,
        )
        self._roles_within_the_boundary(deploy)
        self.preview_role_arn, self.deploy_role_arn = preview.arn, deploy.arn
        self.register_outputs({"preview_role_arn": preview.arn, "deploy_role_arn": deploy.arn})

    def _role(self, what: str, issuer_arn: Output[str], subject: str) -> aws.iam.Role:
        # Bound to an environment of the forge, whose rules people set; never to any pull request.
        said = {f"{_ISSUER}:aud": "sts.amazonaws.com", f"{_ISSUER}:sub": subject}
        trusted = policy(
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Principal": {"Federated": issuer_arn},
                "Condition": {"StringEquals": said},
            }
        )
        return aws.iam.Role(
            f"{self._name}-{what}",
            assume_role_policy=trusted,
            permissions_boundary=self.boundary_arn,
            max_session_duration=_HOURS_SECONDS,
            tags=self._args.tags,
            opts=self.child,
        )

    def _roles_within_the_boundary(self, deploy: aws.iam.Role) -> None:
        """Let the deploying role make roles, each with the boundary on it."""
        account = self._args.account.number
        roles = [f"arn:aws:iam::{account}:role/*", f"arn:aws:iam::{account}:instance-profile/*"]
        bounded = {"StringEquals": {"iam:PermissionsBoundary": self.boundary_arn}}
        making = [
            "iam:CreateRole",
            "iam:PutRolePolicy",
            "iam:AttachRolePolicy",
            "iam:PutRolePermissionsBoundary",
        ]
        keeping = [
            "iam:Get*",
            "iam:List*",
            "iam:TagRole",
            "iam:PassRole",
            "iam:DeleteRole",
            "iam:DeleteRolePolicy",
            "iam:DetachRolePolicy",
            "iam:UpdateAssumeRolePolicy",
            "iam:*InstanceProfile*",
        ]
        aws.iam.RolePolicy(
            f"{self._name}-deploy-roles",
            role=deploy.id,
            policy=policy(allow(making, roles, bounded), allow(keeping, roles)),
            opts=self.child,
        )
