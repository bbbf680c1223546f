"""Fuzzing: random bytes, led by coverage, into everything that reads files from elsewhere. `make fuzz` runs it.

A probe makes seeds and reads bytes. Only errors of segfeed's own tree may come out of it; if it takes the bytes, a
second reader that shares no code with the first must see the same.
"""
