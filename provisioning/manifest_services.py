"""
The parts of a manifest about what people work with after the move: services of the site, and workstations.

Promise: names tell services, packages and workstations apart.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from provisioning.manifest_base import Name, RelativePath, Text, refuse_twice
from provisioning.model import Model

UserCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,40}$")]


class Service(Model):
    """Something that the site can do for the tenant's own customers once it is switched on."""

    name: Name
    title: Text
    path: str = Field(
        pattern=r"^/[a-z0-9/_-]*$", description="Answers with 200 where it is on, with 404 where it is not."
    )


class Package(Model):
    """A program that is installed on every workstation, and tried there."""

    name: Name
    kind: Literal["remote-access", "print"]
    version: str = Field(pattern=r"^[0-9]+(\.[0-9]+)*$")
    folder: RelativePath = Field(description="What is copied, relative to the workspace.")
    install: RelativePath = Field(description="In it: a POSIX shell script, run there; repeatable.")
    test: RelativePath = Field(
        description="In it: opens a session or prints a page as one user, and ends with 0 if that worked."
        " Its arguments are the site's URL, the user's code and the file of the site's authority."
    )


class Workstation(Model):
    """A computer on which the client runs, as OpenSSH reaches it; its host key is pinned there."""

    name: Name
    ssh_config: RelativePath
    ssh_alias: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    users: tuple[UserCode, ...] = Field(min_length=1, description="Codes of those who work there.")


class Group(Model):
    """Workstations that are rolled out together."""

    group: Name
    hosts: tuple[Workstation, ...] = Field(min_length=1)


class Workplace(Model):
    """The tenant's workstations and what is installed on them."""

    packages: tuple[Package, ...] = Field(min_length=1)
    workstations: tuple[Group, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        refuse_twice("workplace.workstations", [h.name for group in self.workstations for h in group.hosts])
        return self
