"""Pure building blocks every service stands on; the only files read are the packaged tables."""
