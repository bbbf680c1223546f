"""Which mask belongs to which photo, and which of them to which split."""
