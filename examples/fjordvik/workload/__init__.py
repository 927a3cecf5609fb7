"""Part of the demo tenant: workload."""
