"""Leaderboards and comparisons, computed from the runs on disk."""
