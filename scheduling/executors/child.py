"""What runs inside a child process: reads Snapshots from its pipe, performs them, writes Outcomes back.

The child leads a process group of its own and dies with its parent: the end of its pipe makes it kill
the group, and the kernel kills it when the fork server goes (Linux: prctl(2), PR_SET_PDEATHSIG), which
works even while C code holds the interpreter.
"""

import contextlib
import ctypes
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from queue import SimpleQueue

import django
from django.apps import apps

PR_SET_PDEATHSIG = 1
STOP = signal.SIGUSR1  # not SIGTERM: a platform may send that to every process when only the parent should act
GO_HOME = b""  # from the parent: end when idle


def main(pipe: Connection) -> None:
    """Serve one run at a time until told to go home."""
    _leave_the_nest()
    if not apps.ready:
        django.setup()
    from scheduling.context import StopSignal
    from scheduling.perform import perform
    from scheduling.snapshots import Snapshot

    inbox: SimpleQueue[bytes] = SimpleQueue()
    stop = StopSignal()
    signal.signal(STOP, stop.on_signal)
    threading.Thread(target=_read, args=(pipe, inbox), name="pipe", daemon=True).start()
    while (message := inbox.get()) != GO_HOME:
        stop.event.clear()
        pipe.send_bytes(perform(Snapshot.loads(message), stop).dumps())


def _leave_the_nest() -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the parent, which tells us
    signal.signal(signal.SIGTERM, lambda *_: None)  # not SIG_IGN, which programs started by a task would inherit
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == 1:  # the fork server went before we asked
            os.kill(os.getpid(), signal.SIGKILL)


def _read(pipe: Connection, inbox: SimpleQueue[bytes]) -> None:
    """Pass messages on; at the end of the pipe, which is the parent's death, kill all that we started."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            inbox.put(pipe.recv_bytes())
    os.killpg(0, signal.SIGKILL)
