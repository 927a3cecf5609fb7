"""
What every generated ssh_config says of whom it trusts, whichever substrate the host stands on.

Promise: the host's own key alone is trusted, and one key alone logs in.
"""

PINNED = """\
    IdentityFile "{{identity}}"
    IdentitiesOnly yes
    UserKnownHostsFile "{{known_hosts}}"
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    HostKeyAlgorithms ssh-ed25519
    PasswordAuthentication no
"""
"""Goes into a text that is formatted once for the host, and once more for the operator's own paths."""
