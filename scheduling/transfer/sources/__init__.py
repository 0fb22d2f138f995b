"""The schedules of other schedulers, as they stand there and as they fire there. Each module knows one of them."""
