"""Credit: products, applications and decisions, and the book of lines, loans and money moved."""
