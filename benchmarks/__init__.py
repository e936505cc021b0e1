"""Generated inputs and measurements at the size of a province."""
