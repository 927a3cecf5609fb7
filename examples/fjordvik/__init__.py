"""The demo tenant of the Skydrift playbook: the archive of a municipality."""
