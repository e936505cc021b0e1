"""Where the registry keeps things: its tables, uploaded files, and how a sheet is read."""
