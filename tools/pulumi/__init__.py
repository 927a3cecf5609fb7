"""How the Pulumi engine comes onto a machine; README.md says why each way exists."""
