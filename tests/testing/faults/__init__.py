"""Plugins with one fault each, and the check that is about it."""
