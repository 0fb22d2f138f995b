"""Imported once by the fork server, so that each child starts with Django and all tasks in memory."""

import gc
import os
import signal

import django
from django.apps import apps

if not apps.ready:
    django.setup()

import scheduling.perform

os.setsid()  # what a supervisor sends to the scheduler's process group is for the scheduler alone
signal.signal(signal.SIGTERM, lambda *_: None)
gc.collect()
gc.freeze()  # the children share these pages for as long as nobody writes to them

__all__ = ["scheduling"]
