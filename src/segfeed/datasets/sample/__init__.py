"""Sample: a small dataset that segfeed draws itself."""
