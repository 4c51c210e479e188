"""Runs: a model fitted and scored on a task; their records on disk, and predictions with finished runs."""
