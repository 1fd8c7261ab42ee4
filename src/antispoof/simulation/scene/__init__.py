"""A rendered person, or an instrument, before colour, depth, infrared and thermal sensors."""
