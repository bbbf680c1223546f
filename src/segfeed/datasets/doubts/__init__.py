"""What masks hold against their legend: each doubt with what was found and the ways out."""
