"""Jobs as text that people review and keep in git; and jobs of other schedulers, taken over."""
