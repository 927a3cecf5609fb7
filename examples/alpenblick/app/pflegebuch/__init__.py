"""Pflegebuch: residents, RAI assessments and documents of a care home, and its interfaces."""
