"""The artifact of the demo's connectors: this whole folder is what the legacy host gets."""
