"""Each contested write: one transaction, and it says whether it won. The doors and the loop call these verbs."""

from scheduling.store.claim import claim, release_strays
from scheduling.store.enqueue import enqueue, enqueue_at_startup, enqueue_task
from scheduling.store.executions import cancel, cancel_orders, rerun
from scheduling.store.finish import Finished, finish
from scheduling.store.fire import Fired, fire_due, skip_overdue
from scheduling.store.jobs import change, create, delete, park, pause, recompute, resume, unpark
from scheduling.store.workers import heartbeat, register, rescue, retire, stopping

__all__ = [
    "Finished",
    "Fired",
    "cancel",
    "cancel_orders",
    "change",
    "claim",
    "create",
    "delete",
    "enqueue",
    "enqueue_at_startup",
    "enqueue_task",
    "finish",
    "fire_due",
    "heartbeat",
    "park",
    "pause",
    "recompute",
    "register",
    "release_strays",
    "rerun",
    "rescue",
    "resume",
    "retire",
    "skip_overdue",
    "stopping",
    "unpark",
]
