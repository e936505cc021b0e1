"""What reporting keeps: facts, signed rows, their roll-up, labels, editions."""
