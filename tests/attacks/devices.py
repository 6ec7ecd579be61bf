"""Open devices: disks, memory, terminals, KVM, FUSE, tunnels, the kernel's log."""

import fcntl
import glob
import os

from kit import Mean, attempt

EXPECTED = "ok"
NAMES = ("mem", "kmem", "port", "kmsg", "tty", "console", "ptmx", "pts/0", "fuse", "kvm", "net/tun", "userfaultfd",
         "vsock", "sda", "vda", "nvme0n1", "loop0", "loop-control", "cpu_dma_latency", "uinput", "snd/timer", "rtc0",
         "dri/card0", "vhost-net", "hwrng", "ttyS0", "fd/0/..", "core", "log")  # fmt: skip


def attack():
    for name in NAMES:
        for flags in (os.O_RDONLY, os.O_RDWR):
            attempt(f"{name} {flags}", lambda name=name, flags=flags: os.open(f"/dev/{name}", flags | os.O_NONBLOCK))
    attempt("type on the terminal", lambda: fcntl.ioctl(0, 0x5412, b"x"))
    attempt("node of its own", lambda: os.mknod(os.path.expanduser("~/disk"), 0o60666, os.makedev(8, 0)))
    attempt("list", lambda: glob.glob("/dev/*")[0])


def build(spec):
    return Mean(attack)
