"""Command line: the commands, and what only they need."""
