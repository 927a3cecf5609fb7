"""
The demo's client: opens the application once with a user's code.

Promise: ends with 0 only if the application took the code; trusts the site's own authority and no other.
"""

import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request


def main() -> None:
    """Open the application that the arguments name: URL, user's code, file of the authority."""
    url, user, authority = sys.argv[1:4]
    if not url.startswith("https://"):
        sys.exit(f"{url} is not https")
    context = ssl.create_default_context(cafile=authority)
    request = urllib.request.Request(f"{url}/open/{urllib.parse.quote(user)}")  # noqa: S310 - https, see above
    try:
        with urllib.request.urlopen(request, context=context, timeout=15) as answer:  # noqa: S310 - likewise
            print(answer.read().decode().strip())
    except (urllib.error.URLError, OSError) as error:
        sys.exit(f"{url} did not open for {user}: {error}")


if __name__ == "__main__":
    main()
