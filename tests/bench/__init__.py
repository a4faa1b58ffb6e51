"""Ratios within one run; nothing here asserts an absolute time."""
