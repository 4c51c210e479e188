"""Plugins: the contract, options, discovery, and the object through which the host uses a plugin's model."""
