"""
The parts of a manifest that say who may do what on the site: roles, and where accounts are kept.

Promise: every role is named once, and at most one is the supervisor's; no secret stands here.
"""

from typing import Literal, Self

from pydantic import Field, HttpUrl, model_validator

from provisioning.manifest_base import Name, RelativePath, Text
from provisioning.model import Model

Permission = Literal["read", "write", "other"]
"""On files of one area: look, change, and whatever else an application knows, such as to delete or lock."""


class Role(Model):
    """A predefined role: what those who have it may do with files, area by area."""

    name: Name
    title: Text
    files: dict[Name, tuple[Permission, ...]] = Field(
        default_factory=dict, description="Folder of the site's files, and what the role may do there."
    )
    supervisor: bool = Field(
        default=False, description="May ask for accounts, change them and disable them with fab users."
    )

    @property
    def entitlements(self) -> tuple[str, ...]:
        """What the role may do with files, as a provider keeps it: such as ``dossiers:read``; sorted."""
        return tuple(sorted(f"{area}:{one}" for area, every in self.files.items() for one in every))

    def may(self, area: str, permission: Permission) -> bool:
        return permission in self.files.get(area, ())


class Scim(Model):
    """The provider that accounts are kept at, as SCIM 2.0 (RFC 7644) reaches it."""

    url: HttpUrl = Field(description="Its base, such as https://id.example/scim/v2.")
    token_file: RelativePath = Field(description="Mode 0600, relative to the workspace, one line.")
    ca_file: RelativePath | None = Field(
        default=None, description="PEM, where it has an authority of its own."
    )


class ServedFiles(Model):
    """How the site's application serves files to people, each as the identity provider says they may."""

    path: str = Field(
        pattern=r"^/[a-z0-9_-]+(/[a-z0-9_-]+)*$",
        description="Below it lie area and file: GET asks for read, PUT for write, DELETE for other.",
    )
    token_file: RelativePath = Field(
        description="What the site asks the provider with, one that may only read. Mode 0600, one line."
    )


class Access(Model):
    """Who may do what on the site."""

    roles: tuple[Role, ...] = Field(min_length=1)
    served: ServedFiles | None = Field(
        default=None, description="Without it the go-live suite does not ask whether roles are honoured."
    )
    sheet: RelativePath = Field(description="CSV or XLSX with the columns user, name, email and role.")
    scim: Scim

    @model_validator(mode="after")
    def _roles_hold(self) -> Self:
        if len(over := [role.name for role in self.roles if role.supervisor]) > 1:
            raise ValueError(f"access.roles: {', '.join(over)} are supervisors; one role may be")
        return self

    @property
    def areas(self) -> tuple[str, ...]:
        """Every folder of files that some role names, sorted."""
        return tuple(sorted({area for role in self.roles for area in role.files}))

    def role(self, name: str) -> Role | None:
        return next((role for role in self.roles if role.name == name), None)
