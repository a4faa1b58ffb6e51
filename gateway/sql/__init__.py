"""Parse, resolve, govern, verify. The only home of sqlglot."""
