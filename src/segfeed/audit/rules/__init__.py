"""Rules: from facts to findings, one module for each thing that rules judge."""
