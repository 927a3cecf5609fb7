"""
Comparison by content: does the target hold what the source held at the freeze?

    digests.py      every row of every table, as counts and digests on both sides
    narrow.py       which rows of a differing table differ
    definitions.py  tables, constraints, indexes, functions and all else, as definitions
    trees.py        every file: name, kind, mode, time, link and content
    run.py          both sides of a database at one moment each, tables in parallel
    verdict.py      the typed result, evidence ``comparison``

Promise: reads only, so it may run at any time and as often as wanted.
"""
