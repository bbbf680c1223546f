"""What segfeed is measured by: the floor of the machine, bare decoding, and its own rows."""
