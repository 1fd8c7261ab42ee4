"""Torch networks: encoders, fusions, losses, and the network that joins them."""
