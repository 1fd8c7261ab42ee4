"""What stands behind a verdict, for a reader: words, pictures, pages."""
