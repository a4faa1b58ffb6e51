"""Meshgate: a federated SQL data-access gateway that speaks the Trino protocol."""

__version__ = "0.1.0"
