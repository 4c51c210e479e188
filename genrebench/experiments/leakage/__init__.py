"""Artist leakage: how much a model gains if the same artists are in training and test."""
