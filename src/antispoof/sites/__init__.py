"""What is learned at a site, from its own captures."""
