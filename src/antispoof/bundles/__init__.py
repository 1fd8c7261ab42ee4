"""The default models, shipped in the wheel."""
