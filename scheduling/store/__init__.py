"""Each contested write: one transaction, and it says whether it won. The doors and the loop call these verbs."""

from scheduling.store.appoint import appoint
from scheduling.store.backfills import backfill, feed, most_at_once, stop_backfill
from scheduling.store.calendars import calendar_version, change_calendar, create_calendar, delete_calendar
from scheduling.store.claim import claim, release_strays
from scheduling.store.enqueue import enqueue, enqueue_at_startup, enqueue_task
from scheduling.store.executions import cancel, cancel_orders, rerun
from scheduling.store.figures import hand_over
from scheduling.store.finish import Finished, finish
from scheduling.store.fire import Fired, fire_due, skip_overdue
from scheduling.store.jobs import change, check_ahead, create, delete, park, reanchor, recompute, unpark
from scheduling.store.ledger import missed_so_far, paused_queues
from scheduling.store.once import Once, once
from scheduling.store.pauses import end_pauses, pause, resume, skip_next
from scheduling.store.queues import (
    check_queue,
    end_queue_pauses,
    ensure_queues,
    missed_of_queue,
    pause_queue,
    resume_queue,
    waiting_in,
)
from scheduling.store.seen import as_seen, digest, version
from scheduling.store.tokens import create_token, find_token, revoke_token, use_token
from scheduling.store.workers import INTERRUPTED, heartbeat, register, rescue, retire, stopping

__all__ = [
    "INTERRUPTED",
    "Finished",
    "Fired",
    "Once",
    "appoint",
    "as_seen",
    "backfill",
    "calendar_version",
    "cancel",
    "cancel_orders",
    "change",
    "change_calendar",
    "check_ahead",
    "check_queue",
    "claim",
    "create",
    "create_calendar",
    "create_token",
    "delete",
    "delete_calendar",
    "digest",
    "end_pauses",
    "end_queue_pauses",
    "enqueue",
    "enqueue_at_startup",
    "enqueue_task",
    "ensure_queues",
    "feed",
    "find_token",
    "finish",
    "fire_due",
    "hand_over",
    "heartbeat",
    "missed_of_queue",
    "missed_so_far",
    "most_at_once",
    "once",
    "park",
    "pause",
    "pause_queue",
    "paused_queues",
    "reanchor",
    "recompute",
    "register",
    "release_strays",
    "rerun",
    "rescue",
    "resume",
    "resume_queue",
    "retire",
    "revoke_token",
    "skip_next",
    "skip_overdue",
    "stop_backfill",
    "stopping",
    "unpark",
    "use_token",
    "version",
    "waiting_in",
]
