"""
Live transfer of PostgreSQL: a base copy while the source is at work, then its changes, either way round.
"""
