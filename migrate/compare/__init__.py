"""
Comparison by content: does the target hold what the source held at the freeze?

    run.py          both sides of a database whole, at one moment each
    verdict.py      the typed result, evidence ``comparison``
    relations.py    what holds rows, and how they are told apart
    digests.py      rows as counts and digests, alike on both sides
    narrow.py       which rows of a differing table differ; values.py: in what
    definitions.py  tables, constraints, indexes, functions and all else; owners and grants
    objects.py      where sequences stand, and large objects
    trees.py        every file: name, kind, mode, time, link and content

Promise: reads only, so it may run at any time and as often as wanted.
"""
