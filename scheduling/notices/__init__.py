"""Who is told when something is wrong: rules look at the rows, incidents are told once, channels carry the lines.

Nothing here is on the road of a run. The scheduler process looks and sends in threads of its own; the web process
keeps a watch for the case that no scheduler is left to tell of it.
"""
