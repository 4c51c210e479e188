"""Runs what the pages show: `make docs` puts the outputs into the pages, and the tests run every page by the same way."""
