"""Forbid this process to start others, on Linux: threads are all that it may start.

RLIMIT_NPROC counts threads as processes, and libde265, which decodes HEIC, works in one. So a
seccomp filter tells them apart; it holds for root too, which RLIMIT_NPROC does not.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from dataclasses import dataclass

_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2  # prctl's numbers
_ALLOW, _ERRNO = 0x7FFF_0000, 0x0005_0000
_CLONE_THREAD = 0x0001_0000
# Instructions of a filter: load a word, compare, test bits, return.
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
# What a filter may load: the call's number, the machine, the lower half of its first argument.
_NUMBER, _MACHINE, _FIRST = 0, 4, 16
_X32 = 0x4000_0000  # calls of x86-64's other ABI, which this filter does not know


@dataclass(frozen=True)
class _Calls:
    """Numbers of system calls on one machine, as audit.h and unistd.h have them."""

    machine: int
    clone: int
    clone3: int
    forbidden: tuple[int, ...]  # fork and vfork, where there are such, execve, execveat


_KNOWN = {
    "x86_64": _Calls(0xC000_003E, 56, 435, (57, 58, 59, 322)),
    "aarch64": _Calls(0xC000_00B7, 220, 435, (221, 281)),
}


def forbid_processes() -> bool:
    """Forbid fork, vfork, clone without CLONE_THREAD, and exec; return whether that worked."""
    calls = _KNOWN.get(os.uname().machine) if sys.platform == "linux" else None
    # A 32-bit Python on a 64-bit machine makes other calls.
    if calls is None or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    program = b"".join(struct.pack("=HBBI", *step) for step in _steps(calls))
    code = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    prctl = ctypes.CDLL(None).prctl
    zero = ctypes.c_ulong(0)
    if prctl(_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero):
        return False
    return not prctl(_SET_SECCOMP, ctypes.c_ulong(_FILTER), described, zero, zero)


def _steps(calls: _Calls) -> list[tuple[int, int, int, int]]:
    """The filter: instruction, how far to jump if it holds and if not, and its number."""
    deny = len(calls.forbidden) + 5  # of the steps after the load of the call's number
    return [
        (_LOAD, 0, 0, _MACHINE),
        (_IF_EQUAL, 0, deny + 1, calls.machine),
        (_LOAD, 0, 0, _NUMBER),
        (_IF_AT_LEAST, deny - 1, 0, _X32),
        *((_IF_EQUAL, deny - 2 - index, 0, number) for index, number in enumerate(calls.forbidden)),
        (_IF_EQUAL, 5, 0, calls.clone3),
        (_IF_EQUAL, 0, 3, calls.clone),
        (_LOAD, 0, 0, _FIRST),
        (_IF_SET, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
        # The C library then tries clone, whose flags can be seen.
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
    ]
