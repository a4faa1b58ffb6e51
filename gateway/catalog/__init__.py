"""The data mesh: domains, products, tables."""
