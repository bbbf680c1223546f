"""Plans: which row comes when, in numbers only."""
