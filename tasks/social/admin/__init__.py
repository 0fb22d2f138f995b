"""Pages of social analytics: businesses, accounts, posts with their charts, syncs, and who belongs to what."""

from tasks.social.admin.accounts import AccountAdmin
from tasks.social.admin.businesses import BusinessAdmin
from tasks.social.admin.members import MemberAdmin
from tasks.social.admin.posts import PostAdmin
from tasks.social.admin.syncs import RefusedMetricAdmin, SyncAdmin

__all__ = ["AccountAdmin", "BusinessAdmin", "MemberAdmin", "PostAdmin", "RefusedMetricAdmin", "SyncAdmin"]
