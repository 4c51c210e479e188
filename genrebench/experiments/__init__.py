"""Experiments that need several runs, or that evaluate one run under several conditions."""
