"""Decisions: ask the policies once, merge, fail closed."""
