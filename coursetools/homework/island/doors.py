"""Doors of the kernel that the island shuts before any cell runs.

Some calls lead past what the sandbox limits: the keyring of whoever grades, memory that belongs to no process
(memfd, shared memory of System V), and name spaces of one's own with a fresh file system in them. They are
refused by a filter (seccomp), which the process and all its children keep.
"""

import contextlib
import ctypes
import errno
import platform
import struct

SECCOMP, NO_NEW_PRIVS, FILTER = 22, 38, 2  # prctl's names for them
JOIN_SESSION_KEYRING = 1
NEW_USER = 0x10000000  # the flag of `clone` that asks for a name space of users
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
LOAD, EQUAL, LARGER, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF
# machine -> its number in a filter, and the numbers of its calls
MACHINES = {
    "x86_64": (
        0xC000003E,
        {
            "keyctl": 250, "add_key": 248, "request_key": 249, "memfd_create": 319, "memfd_secret": 447,
            "unshare": 272, "setns": 308, "mount": 165, "fsopen": 430, "shmget": 29, "msgget": 68,
            "userfaultfd": 323, "io_uring_setup": 425, "bpf": 321, "clone": 56, "clone3": 435,
        },
    ),
    "aarch64": (
        0xC00000B7,
        {
            "keyctl": 219, "add_key": 217, "request_key": 218, "memfd_create": 279, "memfd_secret": 447,
            "unshare": 97, "setns": 268, "mount": 40, "fsopen": 430, "shmget": 194, "msgget": 186,
            "userfaultfd": 282, "io_uring_setup": 425, "bpf": 280, "clone": 220, "clone3": 435,
        },
    ),
}  # fmt: skip


def shut():
    """Leave the session keyring, then refuse the calls above; nothing where there are no such doors."""
    if platform.system() != "Linux" or platform.machine() not in MACHINES:
        return
    system = ctypes.CDLL(None, use_errno=True)
    number, calls = MACHINES[platform.machine()]
    with contextlib.suppress(OSError):
        # A fresh, empty one: what the teacher keeps (Kerberos, encrypted folders) hangs in the old one.
        system.syscall(calls["keyctl"], JOIN_SESSION_KEYRING, None)
    program = _program(number, calls)
    code = ctypes.create_string_buffer(program)
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    system.prctl(NO_NEW_PRIVS, 1, 0, 0, 0)
    system.prctl(SECCOMP, FILTER, ctypes.create_string_buffer(header), 0, 0)


def _program(number, calls):
    """The filter in the kernel's own little language: 8 bytes a line."""
    refused = [call for name, call in calls.items() if name not in ("clone", "clone3")]
    lines = [(LOAD, 0, 0, 4), (EQUAL, 1, 0, number), (RETURN, 0, 0, KILL), (LOAD, 0, 0, 0)]
    lines += [(LARGER, 0, 1, 0x40000000), (RETURN, 0, 0, REFUSE)]  # a second door to all calls (x32)
    for call in refused:
        lines += [(EQUAL, 0, 1, call), (RETURN, 0, 0, REFUSE)]
    # Its flags lie in memory, which a filter cannot read; told that it is not there, programs use `clone`.
    lines += [(EQUAL, 0, 1, calls["clone3"]), (RETURN, 0, 0, 0x00050000 | errno.ENOSYS)]
    lines += [(EQUAL, 0, 3, calls["clone"]), (LOAD, 0, 0, 16), (ANY_BIT, 0, 1, NEW_USER)]
    lines += [(RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("HBBI", *line) for line in lines)
