"""Pictures: pairs as people see them."""
