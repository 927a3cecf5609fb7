"""
The demo's remote-access client: opens a session on the site as one user, and closes it.

Promise: ends with 0 only if the site did both; trusts the site's own authority and no other.
"""

import json
import socket
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request


def main() -> None:
    """Open a session at what the arguments name: URL, user's code, file of the authority."""
    url, user, authority = sys.argv[1:4]
    if not url.startswith("https://"):
        sys.exit(f"{url} is not https")
    context = ssl.create_default_context(cafile=authority)
    station = urllib.parse.urlencode({"station": socket.gethostname()}).encode()
    address = f"{url}/sessions/{urllib.parse.quote(user)}"
    asked = urllib.request.Request(address, data=station)  # noqa: S310 - https, see above
    try:
        with urllib.request.urlopen(asked, context=context, timeout=15) as answer:  # noqa: S310 - likewise
            opened = json.load(answer)
        print(opened["welcome"])
        end = urllib.request.Request(f"{address}/{opened['session']}", method="DELETE")  # noqa: S310 - likewise
        urllib.request.urlopen(end, context=context, timeout=15).close()  # noqa: S310 - likewise
    except (urllib.error.URLError, OSError) as error:
        sys.exit(f"{url} opened no session for {user}: {error}")


if __name__ == "__main__":
    main()
