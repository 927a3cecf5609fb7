"""Part of the demo tenant: legacy/program."""
