"""Tasks: the split of a dataset, and the fingerprint that decides whether scores are comparable."""
