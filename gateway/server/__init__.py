"""Wiring, lifespan, health."""
