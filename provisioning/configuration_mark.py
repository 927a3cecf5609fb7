"""
Where a site's host keeps from which signed workbook it was configured.

Promise: imports nothing, so the provider's process need not read the models of manifest and contract.
"""

CONFIGURATION_MARK = "etc/configuration.json"
"""Relative to the login folder of a site's host, where the site contract says nothing else."""
