"""Does temporal order matter? A trained run is evaluated on test tracks in order, shuffled, reversed and shortened."""
