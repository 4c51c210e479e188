"""Does order in time matter? One trained run on test tracks in order, shuffled, reversed and cut short."""
