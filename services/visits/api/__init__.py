"""The HTTP edge of visits."""
