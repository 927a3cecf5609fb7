"""What keeps writing on the legacy system: this whole folder is what the host gets."""
