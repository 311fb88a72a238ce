"""Become a program that ends when its parent ends and, if asked, runs under another user.

`python -I -S launch.py PARENT SIGNAL UID:GID|- PROGRAM [ARGUMENT ...]`. Nothing of this process
stays: it sets the signal the kernel sends at the parent's death (prctl PR_SET_PDEATHSIG, which a
change of user would clear, so it comes after it) and replaces itself.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(words: list[str]) -> None:
    """Take on the user, bind this process to PARENT and become PROGRAM."""
    parent, ending, user, *program = words
    if user != "-":
        uid, gid = (int(part) for part in user.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        os.chdir("/")  # the folder we are in may be closed to that user
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.Signals[ending]), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != int(parent):  # it died before the kernel was told
        sys.exit(1)
    os.execv(program[0], program)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
