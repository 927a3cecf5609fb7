"""The artifact of the tenant's application: this whole folder is what a site gets."""
