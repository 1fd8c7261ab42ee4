"""What is answered, one file a group of endpoints."""
