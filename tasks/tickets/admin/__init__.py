"""Pages of the ticket mine: tickets, issues, clusters with their trends, and what was asked of the model."""

from tasks.tickets.admin.clusters import ClusterAdmin
from tasks.tickets.admin.issues import IssueAdmin
from tasks.tickets.admin.tickets import TicketAdmin
from tasks.tickets.admin.usage import BatchAdmin, UsageAdmin

__all__ = ["BatchAdmin", "ClusterAdmin", "IssueAdmin", "TicketAdmin", "UsageAdmin"]
