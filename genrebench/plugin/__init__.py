"""Plugins: the contract that they fulfil, their options, how they are found, and one guarded object for each model."""
