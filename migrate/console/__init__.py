"""
The firm's admin console: who is connected to the site, as its connection log has it.

    connections.py  the log, and the sessions that it tells of
    serving.py      the page, on this machine's loopback address only

Promise: reads only, and shows what the log holds and nothing else.
"""
