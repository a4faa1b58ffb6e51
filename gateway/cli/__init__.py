"""The meshgate command line."""
