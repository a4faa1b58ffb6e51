"""A second, separate reading of governed text, for the verifier alone.

It shares no code with what writes governed text: its own tokens, its own grammar of
relations, its own patterns of masks and conditions. What it cannot read is refused.
"""
