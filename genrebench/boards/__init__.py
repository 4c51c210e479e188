"""Leaderboards and comparisons: read from runs on disk."""
