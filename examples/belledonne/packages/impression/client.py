"""
The demo's print client: fetches a page from the site and prints it on this workstation.

The printer is a folder, as of a driver that prints to files: ``imprimante`` below the login folder.

Promise: ends with 0 only if the page lies there as the site sent it; trusts the site's own authority only.
"""

import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path


def main() -> None:
    """Print the test page of the site for one user: URL, user's code, file of the authority."""
    url, user, authority = sys.argv[1:4]
    if not url.startswith("https://"):
        sys.exit(f"{url} is not https")
    context = ssl.create_default_context(cafile=authority)
    asked = urllib.request.Request(f"{url}/impression/{urllib.parse.quote(user)}")  # noqa: S310 - https
    try:
        with urllib.request.urlopen(asked, context=context, timeout=15) as answer:  # noqa: S310 - likewise
            page = answer.read()
        printer = Path.home() / "imprimante"
        printer.mkdir(exist_ok=True)
        (printer / f"{user}.txt").write_bytes(page)
        printed = (printer / f"{user}.txt").read_bytes()
    except (urllib.error.URLError, OSError) as error:
        sys.exit(f"{url} printed no page for {user}: {error}")
    if printed != page or not page.endswith(b"\f"):
        sys.exit(f"the page for {user} is not whole")
    print(f"page printed, {len(page)} bytes")


if __name__ == "__main__":
    main()
