"""What a model gains from artists that are in training and test."""
