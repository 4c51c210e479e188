"""Questions that take several runs, or one run asked several times."""
