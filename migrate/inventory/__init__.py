"""
The inventory: every database that a tenant has, wherever it lies, and what becomes of each.

    servers.py     databases of servers that somebody gave a login for
    listening.py   database servers that answer on a host, whether or not somebody named them
    content.py     what a file is, by what it begins with
    folders.py     databases that are files
    decisions.py   the form on which a person decides: move, purge or leave

Promise: legacy is only read; nothing is decided for anybody, and what nobody decided on does not move.
"""
