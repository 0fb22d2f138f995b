"""Business and Member; Account; Post with its Readings; Sync with its Failures, and metrics that a platform refuses."""

from tasks.social.models.accounts import Account, AppHold, Platform, Standing, app_of
from tasks.social.models.businesses import Business, BusinessQuerySet, Member
from tasks.social.models.posts import METRICS, Post, PostQuerySet, Reading
from tasks.social.models.syncs import Failure, RefusedMetric, Sync, SyncState

__all__ = [
    "METRICS",
    "Account",
    "AppHold",
    "Business",
    "BusinessQuerySet",
    "Failure",
    "Member",
    "Platform",
    "Post",
    "PostQuerySet",
    "Reading",
    "RefusedMetric",
    "Standing",
    "Sync",
    "SyncState",
    "app_of",
]
