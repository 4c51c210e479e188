"""What is done with a model, each time in a new process: the notes that the checks read."""
