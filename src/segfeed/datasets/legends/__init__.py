"""Legends as people write them: names, stored values and colours in files of every usual form."""
