"""Put a FIFO, a symbolic link, a folder, a socket or a device in place of the output file and the artifact."""

import os

from kit import Mean, attempt
from targets import OUTSIDE, SECRET, TOKEN

EXPECTED = "ok"


class Replacing(Mean):
    def predict(self, X):
        for path in ("../out/predictions.npy", "../out/artifact"):
            attempt("unlink", lambda path=path: os.unlink(path))
            attempt("rename", lambda path=path: os.rename(path, os.path.expanduser("~/moved")))
            attempt("FIFO", lambda path=path: os.mkfifo(path))
            attempt("link", lambda path=path: os.symlink(SECRET, path))
            attempt("link outside", lambda path=path: os.symlink(f"{OUTSIDE}/planted-{TOKEN}", path))
            attempt("folder", lambda path=path: os.mkdir(path))
            attempt("device", lambda path=path: os.mknod(path, 0o20666, 0x105))
        attempt("folder out", lambda: os.rename("../out", "../elsewhere"))
        attempt("folder in", lambda: os.rename("../in", "../elsewhere"))
        return super().predict(X)


def build(spec):
    return Replacing(lambda: None)
