"""A workshop with an ERP of its own, for the playbook of upgrades with customisations."""
