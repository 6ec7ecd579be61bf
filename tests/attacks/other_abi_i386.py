"""Call the kernel as a 32-bit program does, with int 0x80 in machine code of its own and i386's numbers."""

import ctypes
import mmap

from kit import Mean, breach

EXPECTED = "crash"
REASON = "SIGSYS SIGSEGV"  # the second where the kernel has no 32-bit programs
MACHINE = "x86_64"
GETPID = b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"  # mov eax, 20; int 0x80; ret


def attack():
    page = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=7)
    page.write(GETPID)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    breach("i386", ctypes.CFUNCTYPE(ctypes.c_int)(address)())


def build(spec):
    return Mean(attack)
