"""What the registry does, one transaction at a time."""
