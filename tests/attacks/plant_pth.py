"""Plant what every later Python runs at its start: a .pth, sitecustomize, usercustomize, a startup file."""

import os
import site
import sys
import sysconfig

from kit import Mean, attempt
from targets import HOME, TOKEN

EXPECTED = "ok"


def attack():
    folders = [*site.getsitepackages(), sysconfig.get_path("purelib"), site.getusersitepackages(), *sys.path]
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    folders += [f"{HOME}/.local/lib/python{version}/site-packages", HOME]
    for folder in dict.fromkeys(folder for folder in folders if not folder.startswith(os.getcwd())):
        for name in (f"planted-{TOKEN}.pth", f"sitecustomize_{TOKEN}.py", f".profile-{TOKEN}"):
            attempt(f"{folder}/{name}", lambda path=f"{folder}/{name}": open(path, "x").write("import os\n"))


def build(spec):
    return Mean(attack)
