"""Grants: dated permissions."""
