"""A whole campaign, driven through the public HTTP API behind the gateway as its users would.

`drive.py` tells the year in order; every other module is one chapter of it, or a tool of the
telling. Nothing here imports a service, and nothing here looks into a database.
"""
