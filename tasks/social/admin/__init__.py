"""Pages of social analytics."""
