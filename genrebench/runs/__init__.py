"""Runs: one model fitted and scored on one task, kept on disk, and what can be done with a finished one."""
