"""One audit record per statement."""
