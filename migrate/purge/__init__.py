"""
The purge: rows that are too old to move leave legacy, and can be brought back.

    tables.py     tables that take part, and the foreign keys between them
    contract.py   what an engine has to be able to do
    engines.py    which engine does it how
    postgresql/   which rows go there (by age, with what belongs to them, without what anything kept refers
    mariadb/      to), and how rows come back
    archive.py    rows as an encrypted archive, in chunks, with a signed manifest
    purging.py    dry run, purge, bringing back

Promise: nothing is deleted before an archive of it was read back whole; export and deletion see the same
rows, in one transaction, which either happens whole or not at all.
"""
