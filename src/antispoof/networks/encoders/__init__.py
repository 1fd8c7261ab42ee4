"""Array → feature maps and tokens, one encoder a file."""
