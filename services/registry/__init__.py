"""Registry: institutions, outlets, staff, the lists and every enterprise on them."""
