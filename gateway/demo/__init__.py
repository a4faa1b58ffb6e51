"""Seeded demo data and the guided tour."""
