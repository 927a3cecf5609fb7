"""
The policy pack, as the engine starts it.

Promise: the pack does not start, and so nothing is changed, where the exceptions' file is not as it must be.
"""

import sys

from pulumi_policy import EnforcementLevel, PolicyPack

from provisioning.errors import BasculeError
from provisioning.policy.pack.policies import policies

try:
    asked = policies()
except BasculeError as error:
    sys.exit(str(error))
PolicyPack("bascule", asked, EnforcementLevel.MANDATORY)
