"""The second lock: answers what Trino's OPA plugin asks, from the same decisions."""
