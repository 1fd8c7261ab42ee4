"""Recipes, one a file or folder: each keeps to the contract of `antispoof.training.recipe`."""
