"""Measured clips → rules of cues: `measuring` looks at each clip once, `fitting` learns from its numbers."""
