"""Call the kernel by x86-64's other numbers (x32), which a filter may have forgotten."""

from kit import Mean, breach, system_call_number

EXPECTED = "crash"
REASON = "SIGSYS"
MACHINE = "x86_64"


def attack():
    breach("x32", system_call_number(0x40000000 | 39))


def build(spec):
    return Mean(attack)
