"""
The ``fab`` commands of Bascule; ``fab --list`` shows them.

Promise: nothing but the commands of `migrate.tasks`, in one flat namespace.
"""

from migrate.tasks import collection

namespace = collection()
