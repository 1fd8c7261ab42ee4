"""Fit networks, export them to bundles."""
