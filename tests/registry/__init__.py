"""The registry on its real stack."""
