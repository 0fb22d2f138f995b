"""How much one may ask for at a door."""

MOST_DAYS = 3_650  # of a backfill
MOST_TICKETS = 100_000  # analysed in one run
