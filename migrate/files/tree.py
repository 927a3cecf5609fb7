"""
A tree of files that moves: where it lies on both sides, which way it goes, and what is said of a pass.

Promise: a tree can be turned round; what then flows back is the same thing in the other direction.
"""

import io
from dataclasses import dataclass, replace
from typing import Literal, Self

import paramiko
from fabric import Connection

from migrate import routes
from migrate.compare.verdict import TreeComparison
from migrate.connections import Hosts
from migrate.remote_jobs import Job
from provisioning.manifest import Environment, LegacyFiles
from provisioning.model import Model

Pass = Literal["whole", "base", "delta", "last"]
"""whole: everything at once from a frozen source; base, delta, last: the three passes of a live move."""


class TreeCopied(Model):
    """One pass over one tree."""

    name: str
    source: str
    target: str
    files: int
    """Files and links that the tree has."""
    bytes: int
    seconds: float
    kind: Pass = "whole"
    copied: int | None = None
    """Names that this pass had to copy; None where all were looked at by rsync itself."""
    removed: int | None = None
    """Names that only the receiving side had, likewise."""
    not_kept: tuple[str, ...] = ()
    """What of the files' attributes cannot be kept here, each with the reason."""

    @property
    def bytes_per_second(self) -> float:
        return self.bytes / self.seconds if self.seconds else 0.0


class FilesCopied(Model):
    """All trees of one attempt: evidence ``files``."""

    attempt: str
    trees: tuple[TreeCopied, ...]


@dataclass(frozen=True)
class LastPass:
    """What the pass inside the freeze did, and its verdict about every file."""

    copied: TreeCopied
    comparison: TreeComparison


@dataclass(frozen=True)
class Side:
    """One end of a tree. `folder` is absolute, or relative to the login folder."""

    host: Connection
    folder: str
    address: str
    """What the other host calls it."""


@dataclass(frozen=True)
class Tree:
    """A tree of files on both sides. `source` is relative to legacy's login folder, `target` absolute."""

    name: str
    legacy: Connection
    address: str
    """What the site's host calls the legacy host."""
    source: str
    site: Connection
    target: str
    site_address: str = ""
    """What the legacy host calls the site's."""
    is_turned: bool = False
    """Whether files flow back, from the site to legacy."""
    ports: tuple[int, int] | None = None
    """Of the sender on legacy and of the one on the site, where a tunnel leads to these alone."""

    def turned(self) -> Self:
        """The same tree the other way round, for what flows back after go-live."""
        return replace(self, is_turned=not self.is_turned)

    @property
    def sends(self) -> Side:
        """The side that files come from."""
        ends = self._ends()
        return ends[1] if self.is_turned else ends[0]

    @property
    def receives(self) -> Side:
        """The side that files go to."""
        ends = self._ends()
        return ends[0] if self.is_turned else ends[1]

    def _ends(self) -> tuple[Side, Side]:
        return (
            Side(self.legacy, self.source, self.address),
            Side(self.site, self.target, self.site_address),
        )

    @property
    def port(self) -> int | None:
        """Where the sender must listen; None where any port will do."""
        return self.ports[int(self.is_turned)] if self.ports else None

    @property
    def pull(self) -> Job:
        """The job on the receiving host that fetches it."""
        return Job(self.receives.host, f"files-{self.name}")

    @property
    def sender(self) -> Job:
        """The job on the sending host that sends it."""
        return Job(self.sends.host, f"send-{self.name}")

    @property
    def ledger(self) -> str:
        """Where either host keeps its ledger of this tree, below the login folder."""
        return f".bascule/files/{self.name}"

    @property
    def line(self) -> str:
        """Where the receiving host keeps the key and the scripts of an open line to the sender, likewise."""
        return f".bascule/lines/{self.name}"


def trees(hosts: Hosts, environment: Environment = "prod") -> list[Tree]:
    """The trees of a tenant. A single one becomes the site's file root; several lie in it by their names."""
    every, root = hosts.manifest.legacy.files, hosts.site(environment).files
    return [
        _tree(hosts, one, root if len(every) == 1 else f"{root}/{one.name}", environment) for one in every
    ]


def _tree(hosts: Hosts, one: LegacyFiles, target: str, environment: Environment) -> Tree:
    access = hosts.site(environment).ssh
    parsed = paramiko.SSHConfig()
    parsed.parse(io.StringIO(access.config))
    there, here = hosts.legacy_address(one.host), str(parsed.lookup(access.alias)["hostname"])
    ports = None
    if (by_tunnel := routes.of_tree(hosts, one.host, one.name, environment)) is not None:
        there, here, *of_senders = by_tunnel
        ports = (of_senders[0], of_senders[1])
    return Tree(
        name=one.name,
        legacy=hosts.legacy(one.host),
        address=there,
        source=one.path,
        site=hosts.runner(environment),
        target=target,
        site_address=here,
        ports=ports,
    )
