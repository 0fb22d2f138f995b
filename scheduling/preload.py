"""Imported once by the fork server, so that each child starts with Django and all tasks in memory."""

import gc
import multiprocessing.spawn
import os
import signal

import django
from django.apps import apps

if not apps.ready:
    django.setup()

import scheduling.perform

# Children need nothing of the program that started them: one that does not say `if __name__ == "__main__"`, such as a
# script that starts a scheduler, would run again in each of them.
multiprocessing.spawn._fixup_main_from_path = lambda path: None  # type: ignore[attr-defined]
multiprocessing.spawn._fixup_main_from_name = lambda name: None  # type: ignore[attr-defined]

os.setsid()  # what a supervisor sends to the scheduler's process group is for the scheduler alone
signal.signal(signal.SIGTERM, lambda *_: None)
gc.collect()
gc.freeze()  # the children share these pages for as long as nobody writes to them

__all__ = ["scheduling"]
