"""
Second way: the official release, checked against the checksums published beside it.

Promise: nothing is unpacked before its SHA-256 is the published one. A wrong checksum is an error and
never a reason to try another way; a host that does not answer within the connect time-out, or
answers with a refusal, is one.
"""

import hashlib
import http.client
import platform
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from tools.pulumi.setting import VERSION, EngineTamperedError, Setting, WayClosedError

ARCHITECTURES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


def archive_name() -> str:
    """The published name of this machine's archive."""
    architecture = ARCHITECTURES.get(platform.machine().lower())
    if architecture is None:
        raise WayClosedError(f"none is published for {platform.machine()}", is_definite=True)
    return f"pulumi-v{VERSION}-linux-{architecture}.tar.gz"


def fetch(setting: Setting, folder: Path) -> None:
    """
    Put the release's executables into `folder`, which must exist and be empty.

    Raises:
        WayClosedError: The host cannot be reached, refuses, or breaks off.
        EngineTamperedError: The archive is not the published one.
    """
    archive = folder / archive_name()
    expected = _published_checksum(setting, archive.name)
    setting.say(f"downloading {archive.name}")
    actual = _download(setting, f"{setting.releases}/{archive.name}", archive)
    if actual != expected:
        archive.unlink()
        raise EngineTamperedError(
            f"{archive.name} from {setting.releases} has SHA-256 {actual}, published is {expected}",
            state="Nothing of it was unpacked.",
            next_step="find out who changed it (a proxy on the way?) before `make setup ENGINE=retry`",
        )
    _unpack(archive, folder)
    archive.unlink()


def _published_checksum(setting: Setting, name: str) -> str:
    url = f"{setting.releases}/pulumi-{VERSION}-checksums.txt"
    with _open(setting, url) as answer:
        text = answer.read(1_000_000).decode("utf-8", "replace")
    for line in text.splitlines():
        words = line.split()
        if len(words) == 2 and words[1].lstrip("*") == name and len(words[0]) == 64:
            return words[0].lower()
    raise EngineTamperedError(
        f"{url} names no SHA-256 for {name}, so the archive cannot be trusted",
        state="Nothing was downloaded.",
        next_step="look at that address; then `make setup ENGINE=retry`",
    )


def _download(setting: Setting, url: str, target: Path) -> str:
    digest = hashlib.sha256()
    received = 0
    with _open(setting, url) as answer, target.open("wb") as file:
        promised = int(answer.headers.get("Content-Length") or 0)
        while piece := answer.read(1 << 20):
            digest.update(piece)
            received += len(piece)
            file.write(piece)
    if promised and received < promised:
        raise WayClosedError(f"{url} broke off after {received} of {promised} bytes", is_definite=False)
    return digest.hexdigest()


def _unpack(archive: Path, folder: Path) -> None:
    """Write the plain files of the archive's one folder; links, folders and other paths are not followed."""
    with tarfile.open(archive) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            if not member.isfile() or len(path.parts) != 2 or path.parts[0] != "pulumi":
                continue
            content = tar.extractfile(member)
            if content is None:  # never so for a plain file; said for the type checker
                continue
            with content, (folder / path.name).open("wb") as file:
                shutil.copyfileobj(content, file)
            (folder / path.name).chmod(0o755)


class _Connection(http.client.HTTPConnection):
    """Connects within one time-out and reads with another, longer one."""

    read_timeout_seconds: float

    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(self.read_timeout_seconds)


class _SecureConnection(_Connection, http.client.HTTPSConnection):
    pass


@contextmanager
def _open(setting: Setting, url: str) -> Iterator[http.client.HTTPResponse]:
    class Plain(_Connection):
        read_timeout_seconds = setting.read_timeout_seconds

    class Secure(_SecureConnection):
        read_timeout_seconds = setting.read_timeout_seconds

    class PlainHandler(urllib.request.HTTPHandler):
        def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Plain, request)

    class SecureHandler(urllib.request.HTTPSHandler):
        def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Secure, request)

    opener = urllib.request.build_opener(PlainHandler(), SecureHandler())
    try:
        with opener.open(url, timeout=setting.connect_timeout_seconds) as answer:
            yield answer
    except urllib.error.HTTPError as error:
        with error:
            raise WayClosedError(f"{url} answered {error.code} {error.reason}", is_definite=True) from error
    except urllib.error.URLError as error:
        cause = getattr(error.reason, "strerror", None) or error.reason
        raise WayClosedError(f"{url}: {cause}", is_definite=False) from error
    except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise WayClosedError(f"{url}: {error or type(error).__name__}", is_definite=False) from error
