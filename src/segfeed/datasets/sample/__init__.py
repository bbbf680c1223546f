"""Sample: a small dataset that segfeed makes by code."""
