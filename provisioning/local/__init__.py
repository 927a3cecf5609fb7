"""The local substrate: the same site from real servers on this machine, one loopback address a host."""
