"""Archives: tar, tar.gz and zip, listed to their last byte before a member is read."""
