"""
The dossier: all that was measured, signed and decided about one migration, on one page.

    facts.py     reads the case (journal, evidence, documents) into plain views
    timeline.py  draws the steps as an SVG picture
    page.py      one self-contained HTML page from the facts
    seal.py      the digests that bind page, facts and case together, and their check

Promise: needs no network to be read, holds no secret, and shows what the case holds and nothing else.
"""
