"""All metadata answers, from one visible catalog."""
