"""Part of the demo tenant."""
