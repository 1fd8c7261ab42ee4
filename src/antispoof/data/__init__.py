"""Labelled presentations: manifests, published datasets and their protocols, and simulated ones."""
