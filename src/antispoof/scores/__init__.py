"""What is done to scores: calibration to likelihood ratios, and fusion of several systems. NumPy only."""
