"""The house rules: fences, names, documentation that runs."""
