"""
A vendor's product on a tenant's system: its version, what was made to measure, and the way to a newer one.

Promise: what a product is stands in the vendor's own folder of YAML and SQL; nothing here knows one by name.
"""
