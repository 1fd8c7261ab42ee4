"""Sensors → clean arrays. NumPy only; the same code prepares samples for training and for serving."""
