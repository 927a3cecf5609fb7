"""
A page in headless Chromium, driven over the DevTools protocol through a pipe: what it shows, asks for, says.

Promise: no port is opened and no network is used; the browser ends with the `with` block.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)


@dataclass
class Page:
    """One tab. `requests` are the addresses that it asked for, `complaints` what its console said."""

    to_browser: IO[bytes]
    from_browser: IO[bytes]
    session: str = ""
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _number: int = 0
    _events: list[str] = field(default_factory=list)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.to_browser.write(json.dumps(message).encode() + b"\0")
        self.to_browser.flush()
        while (answer := self._next()).get("id") != self._number:
            pass
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def open(self, page: Path | str, width: int, height: int = 900) -> None:
        """Open a file or an address at a window size and wait until it is loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self._events.clear()
        self.call("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        while "Page.loadEventFired" not in self._events:
            self._next()

    def value(self, expression: str) -> Any:
        """Return what an expression comes to in the page; no policy of the page stops a debugger."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def read_aloud(self) -> list[str]:
        """
        Return what a screen reader is given, in its order: text, and ``role name`` of what has a name.

        It is the accessibility tree, which the browser hands to assistive technology as it is.
        """
        nodes = {node["nodeId"]: node for node in self.call("Accessibility.getFullAXTree")["nodes"]}
        said: list[str] = []

        def read(node: dict[str, Any]) -> None:
            role, name = node["role"]["value"], node.get("name", {}).get("value", "").strip()
            # Text that gave the name of what it stands in is not said again.
            if name and not node["ignored"] and not (role == "StaticText" and said[-1].endswith(f" {name}")):
                said.append(name if role == "StaticText" else f"{role} {name}")
            for child in node.get("childIds", ()) if role != "StaticText" else ():
                read(nodes[child])

        read(next(node for node in nodes.values() if "parentId" not in node))
        return said

    def _next(self) -> dict[str, Any]:
        text = bytearray()
        while (byte := self.from_browser.read(1)) != b"\0":
            assert byte, "the browser went away"
            text += byte
        message: dict[str, Any] = json.loads(text)
        method, params = message.get("method", ""), message.get("params", {})
        self._events.append(method)
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"].get("text")))
        return message


@contextmanager
def chromium() -> Iterator[Page]:
    """Start a browser with an empty profile and one blank tab; end it afterwards."""
    program = next(
        found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))
    )
    ours_read, theirs_write = os.pipe()
    theirs_read, ours_write = os.pipe()

    def wire() -> None:
        # The protocol's pipe is the file descriptors 3 (to the browser) and 4 (from it).
        reading, writing = os.dup(theirs_read), os.dup(theirs_write)
        os.dup2(reading, 3)
        os.dup2(writing, 4)

    profile = tempfile.mkdtemp(prefix="bascule-browser-")
    process = subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        preexec_fn=wire,
        env={**os.environ, "TMPDIR": profile},  # its lock's socket goes with the profile
        close_fds=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_read)
    os.close(theirs_write)
    try:
        with os.fdopen(ours_write, "wb") as writing, os.fdopen(ours_read, "rb", buffering=0) as reading:
            page = Page(writing, reading)
            target = page.call("Target.createTarget", url="about:blank")["targetId"]
            page.session = page.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Network", "Log", "Runtime"):
                page.call(f"{domain}.enable")
            yield page
    finally:
        process.terminate()
        process.wait(timeout=20)
        _remove(profile)


def _remove(profile: str) -> None:
    """The browser's helpers write for a moment longer than it lives."""
    deadline = time.monotonic() + 10
    while Path(profile).exists() and time.monotonic() < deadline:
        shutil.rmtree(profile, ignore_errors=True)
