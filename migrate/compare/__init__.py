"""
Comparison by content: does the target hold what the source held at the freeze?

    engines.py      which comparison fits which two engines
    run.py          both sides of a database whole, at one moment each
    live.py         both sides while they are at work; closing.py: what changed, until it is seen equal
    frozen.py       inside the freeze only what is open, with a verdict about every row
    verdict.py      the typed results, evidence ``comparison`` and ``base-comparison``
    faults.py       what a rehearsal plants to prove all this; file_faults.py: in files

    relations.py    what holds rows, and how they are told apart
    digests.py      rows as counts and digests, alike on both sides; rows.py: of ranges and keys
    narrow.py       which rows of a differing table differ; values.py: in what
    definitions.py  tables, constraints, indexes, functions and all else; owners and grants
    objects.py      where sequences stand, and large objects
    changes.py      streams of changes on both sides; pgoutput.py reads, tally.py counts them
    ledger.py       what a comparison beside running work remembers; pairs.py: sessions that may break
    trees.py        every file: name, kind, mode, time, link and content

Promise: reads only, so it may run at any time and as often as wanted; but for a slot and a publication on
either side, which a comparison beside running work needs and `changes.end` removes, and for planted faults.
"""
