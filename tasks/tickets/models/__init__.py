"""What we keep: tickets and how far they were fetched; the issues found in them; clusters and their trends."""

from tasks.tickets.models.clusters import Cluster, Grouping, HourlyCount
from tasks.tickets.models.issues import Batch, Issue, Method, Severity, Usage
from tasks.tickets.models.tickets import Analysis, Comment, Stream, Ticket

__all__ = [
    "Analysis",
    "Batch",
    "Cluster",
    "Comment",
    "Grouping",
    "HourlyCount",
    "Issue",
    "Method",
    "Severity",
    "Stream",
    "Ticket",
    "Usage",
]
