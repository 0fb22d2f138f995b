"""The addresses at which scripts of the source system steer syncs and ask what came of them."""
