"""What the larger answers of the API look like."""
