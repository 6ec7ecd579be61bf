"""Reach others through System V and POSIX shared memory, semaphores, queues, and the kernel's keys."""

import ctypes

from kit import LIBC, Mean, attempt, system_call
from targets import QUEUE_ID, SEMAPHORE_ID, SHARED_MEMORY_ID, TOKEN

EXPECTED = "ok"


def queue(flags):
    descriptor = LIBC.mq_open(f"/{TOKEN}".encode(), flags, 0o600, None)
    return descriptor if descriptor >= 0 else 1 / 0


def attack():
    buffer = ctypes.create_string_buffer(256)
    for key in (0, int(TOKEN[:6], 16)):
        attempt(f"shmget {key}", lambda key=key: system_call("shmget", key, 4096, 0o1600))
        attempt(f"msgget {key}", lambda key=key: system_call("msgget", key, 0o1600))
        attempt(f"semget {key}", lambda key=key: system_call("semget", key, 1, 0o1600))
    attempt("attach", lambda: system_call("shmat", SHARED_MEMORY_ID, 0, 0))
    attempt("ask of memory", lambda: system_call("shmctl", SHARED_MEMORY_ID, 2, buffer))
    attempt("lock memory", lambda: system_call("shmctl", SHARED_MEMORY_ID, 11, 0))
    attempt("receive", lambda: system_call("msgrcv", QUEUE_ID, buffer, 100, 0, 0o4000))
    attempt("send", lambda: system_call("msgsnd", QUEUE_ID, b"\1" + bytes(15), 8, 0o4000))
    attempt("ask of queue", lambda: system_call("msgctl", QUEUE_ID, 2, buffer))
    attempt("semaphore", lambda: system_call("semop", SEMAPHORE_ID, b"\0\0\1\0\0\10", 1))
    attempt("set semaphore", lambda: system_call("semctl", SEMAPHORE_ID, 0, 16, 7))
    attempt("remove memory", lambda: system_call("shmctl", SHARED_MEMORY_ID, 0, 0))
    attempt("remove queue", lambda: system_call("msgctl", QUEUE_ID, 0, 0))
    attempt("remove semaphore", lambda: system_call("semctl", SEMAPHORE_ID, 0, 0, 0))
    attempt("message queue", lambda: queue(0o102))
    attempt("their message queue", lambda: queue(0))
    attempt("remove message queue", lambda: system_call("mq_unlink", TOKEN.encode()))
    for ring in (-1, -2, -3, -4, -5):
        attempt(f"key in {ring}", lambda ring=ring: system_call("add_key", b"user", TOKEN.encode(), b"x", 1, ring))
        attempt(f"keys of {ring}", lambda ring=ring: system_call("keyctl", 11, ring, buffer, 256))
    attempt("request key", lambda: system_call("request_key", b"user", TOKEN.encode(), 0, 0))
    attempt("new ring", lambda: system_call("keyctl", 1, 0))


def build(spec):
    return Mean(attack)
