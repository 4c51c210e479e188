"""Pure functions over labels and probabilities: metrics, calibration, error analysis, intervals, significance tests."""
