"""What can be done at identity, one file per matter."""
