"""What we keep: tickets and how far they were fetched; the issues found in them; clusters and their trends."""

from tasks.tickets.models.clusters import Cluster, HourlyCount
from tasks.tickets.models.issues import Batch, Issue, Method, Severity, Usage
from tasks.tickets.models.tickets import Analysis, Comment, Stream, Ticket

__all__ = [
    "Analysis",
    "Batch",
    "Cluster",
    "Comment",
    "HourlyCount",
    "Issue",
    "Method",
    "Severity",
    "Stream",
    "Ticket",
    "Usage",
]
