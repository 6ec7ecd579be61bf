"""Import the truth's modules first of all, where the nursery imports libraries ahead of the submission."""

from kit import Mean, breach

from mbench.suite.tasks.surfaces import Shell

EXPECTED = "refused crash"
BREACHES_C = True


def build(spec):
    return Mean(lambda: breach("the truth of shell", Shell().name))
