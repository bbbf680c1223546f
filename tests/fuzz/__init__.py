"""Fuzzing: random bytes, led by coverage, into everything that reads files from elsewhere. `make fuzz` runs it.

A probe is one door: it gives seeds, and reads bytes. Only errors of segfeed's own tree may come out of a door; where bytes
are taken, a second reader that shares no code with the first must see the same.
"""
