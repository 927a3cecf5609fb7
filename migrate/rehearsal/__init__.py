"""
Rehearsal: the switch forward and back, in the test environment, on a copy, with somebody writing.

Promise: legacy is only read. What the rehearsal measures is what users would see; what it plants, the
comparison must find before any verdict counts.
"""
