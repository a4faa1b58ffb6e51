"""HT1 tokens: keys, codec, self-test."""
