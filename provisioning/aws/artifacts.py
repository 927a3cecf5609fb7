"""
Artifacts: folders of the workspace and of this package as archives in a site's bucket.

Promise: the same content makes the same archive, byte for byte, under the same key; another content is
another key, and what was there before stays. Nothing is written outside the workspace's state.
"""

import hashlib
import stat
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi_aws as aws
from pulumi import FileAsset, Input, Output, ResourceOptions

from provisioning.artifact import NOT_CARRIED, opened
from provisioning.aws.component import Component, TaggedArgs, refuse_unless

_LONG_AGO = (1980, 1, 1, 0, 0, 0)
HOST_FILES = Path(__file__).resolve().parent / "host_files"
"""What every host of a site is made of; ``settle`` in it is started first."""
ALSO_ON_HOSTS = {"public/srv/site/bin/inbox": HOST_FILES.parents[1] / "host_scripts" / "inbox"}
"""What hosts of any substrate have, by its path among `HOST_FILES`."""


@dataclass(frozen=True)
class Packed:
    """An archive on this machine, and what it is called in the bucket."""

    path: Path
    key: str
    digest: str


def pack(source: Path, name: str, into: Path, *, also: Mapping[str, Path] | None = None) -> Packed:
    """
    Make a zip archive of an artifact, in the folder `into`.

    Args:
        source: A folder, or a tar archive of one.
        name: What its key begins with, such as ``pflegebuch-2.4.0``.
        also: Files from elsewhere, by their path in the archive.

    Raises:
        SiteError: It is not there, it is empty, or it holds links: an archive would lose them.
    """
    into.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = into / f"{name}.zip"
    with opened(str(source)) as folder:
        files = {
            str(inner): path
            for path in folder.rglob("*")
            if not path.is_dir() and not NOT_CARRIED & set((inner := path.relative_to(folder)).parts)
        }
        refuse_unless(bool(files), f"{source} holds no files", "application.artifact: names a folder")
        links = sorted(inner for inner, path in files.items() if path.is_symlink())
        refuse_unless(not links, f"{source} holds links, such as {links[:1]}", "put files in their place")
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for name_within, path in sorted({**files, **(also or {})}.items()):
                entry = zipfile.ZipInfo(name_within, _LONG_AGO)
                executable = bool(path.stat().st_mode & stat.S_IXUSR)
                entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())
    digest = hashlib.sha256(made.read_bytes()).hexdigest()
    return Packed(made, f"artifacts/{name}-{digest[:16]}.zip", digest)


@dataclass(frozen=True, kw_only=True)
class ArtifactArgs(TaggedArgs):
    bucket: Input[str]
    key_arn: Input[str]
    packed: Packed


class Artifact(Component):
    """One archive in the bucket. Older ones stay there when it changes, so that a host can go back."""

    key: str
    version: Output[str]

    def __init__(self, name: str, args: ArtifactArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self.key = args.packed.key
        self.version = aws.s3.BucketObjectv2(
            f"{name}-object",
            bucket=args.bucket,
            key=args.packed.key,
            source=FileAsset(str(args.packed.path)),
            source_hash=args.packed.digest,
            content_type="application/zip",
            server_side_encryption="aws:kms",
            kms_key_id=args.key_arn,
            bucket_key_enabled=True,
            tags=args.tags,
            # Another version takes its place by design, and the old one stays in the bucket all the same.
            opts=ResourceOptions(parent=self, protect=False, retain_on_delete=True),
        ).version_id
        self.register_outputs({"version": self.version})
