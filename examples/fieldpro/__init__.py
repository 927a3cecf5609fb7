"""The demo tenant of the playbook fieldpro: a cooperative whose sales people visit farms."""
