"""What can be done in allocation, and the long work behind it."""
