"""The door for staff: read the request, call one verb of store, say what came of it."""

from scheduling.admin import accounts, executions, jobs, workers

__all__ = ["accounts", "executions", "jobs", "workers"]
