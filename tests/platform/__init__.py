"""The platform: relay, consumers, web, jobs."""
