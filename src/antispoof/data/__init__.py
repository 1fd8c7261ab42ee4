"""Labelled presentations: manifests, published datasets, simulated attack instruments."""
