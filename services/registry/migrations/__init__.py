"""The steps that bring the registry's database to the present shape."""
