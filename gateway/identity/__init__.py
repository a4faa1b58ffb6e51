"""Who is asking: principals, directory, authentication."""
