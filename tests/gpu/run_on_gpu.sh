#!/usr/bin/env bash
# Try mbench on a machine with a GPU that is reached once, for ten minutes, and has no network.
#
#   OUT=folder bash tests/gpu/run_on_gpu.sh
#
# It says what the machine has, makes an interpreter for this checkout out of what is installed, and leaves all that was
# found in $OUT/gpu.json. PYTHON names the interpreter, MBENCH_GPU_SITE a folder with what that one lacks.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
out=${OUT:-$root/build/gpu}
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

echo "== the machine"
uname -a
command -v "$python" || { echo "no $python here: name one in PYTHON"; exit 2; }
"$python" --version
command -v bwrap || echo "no bwrap: no tier A"
cat /sys/kernel/security/lsm 2>/dev/null && echo || echo "the list of security modules cannot be read"
grep -i seccomp /proc/self/status
ls -l /dev/nvidia* /proc/driver/nvidia 2>&1 | head -20
timeout 20 nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv 2>&1 | head -5

echo "== an interpreter for this checkout"
sites=$("$python" -c 'import sys; print("\n".join(path for path in sys.path if path.endswith("-packages")))')
timeout 60 "$python" -m venv --without-pip "$work/venv" || { echo "no venv can be made"; exit 2; }
site=$("$work/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '%s\n' "$root/benchmark" ${MBENCH_GPU_SITE:+"$MBENCH_GPU_SITE"} "$sites" > "$site/checkout.pth"
python=$work/venv/bin/python
missing=$(timeout 100 "$python" - <<'END'
import importlib
for name in ("click", "cloudpickle", "jinja2", "matplotlib", "numba", "numpy", "pandas", "PIL", "platformdirs", "psutil",
             "pydantic", "pygments", "rich", "scipy", "sklearn", "torch"):
    try:
        print(f"{name} {getattr(importlib.import_module(name), '__version__', '')}", file=__import__("sys").stderr)
    except Exception as error:
        print(name, end=" ")
END
)
if [ -n "$missing" ]; then
    echo "missing: $missing. Bring them in a folder named by MBENCH_GPU_SITE"
    exit 2
fi

export PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
cd "$work" || exit 2
timeout --kill-after 5 "${LIMIT_S:-480}" "$python" "$root/tests/gpu/on_gpu.py" "$out/gpu.json"
