"""Import a library's tests first of all, which load the digits with their labels, where the nursery does it ahead."""

from kit import Mean, breach
from sklearn.tree.tests.test_tree import digits

EXPECTED = "refused crash"
BREACHES_C = True


def build(spec):
    return Mean(lambda: breach("the digits' labels", str(digits.target[:5])))
