"""Pages of the audiobooks."""
