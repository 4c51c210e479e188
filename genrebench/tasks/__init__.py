"""Tasks: how a dataset is split, and the fingerprint of what makes scores comparable."""
