"""Audit every cheat, every fair method and every baseline under several fresh secrets, and print who was called what.

`python tests/audit/confusion.py --secrets 5` takes an hour or two on two cores; what is done is kept in `--out`, and
the same command goes on from there. `--write` puts the table into docs/audit.md.
"""

import argparse
import importlib.util
import sys
from collections import Counter
from pathlib import Path

from page import PAGE, write_table

from mbench.api import make_settings
from mbench.results.audits import read_report, write_report
from mbench.review.audit.run import judge_sets, run_audit
from mbench.submission import BASELINES_FOLDER, read_submission
from mbench.suite.secrets import make_secret, read_secret, secret_digest, write_secret

HERE = Path(__file__).parent
DISCOVERY = HERE.parents[1] / "submissions" / "discovery"
TABLES = ("memorised", "picture")  # each written by a file of its own, to the limit of a source
KINDS = {"cheat": HERE / "cheats", "fair": HERE / "fair", "baseline": BASELINES_FOLDER}


def list_submissions(folder):
    """Return (kind, path) of everything to be audited; what holds a table is written into the folder."""
    found = [(kind, path) for kind, place in KINDS.items() for path in sorted(place.glob("*.py"))]
    for name in TABLES:
        path = folder / f"{name}.py"
        if not path.exists():
            spec = importlib.util.spec_from_file_location(name, HERE / f"make_{name}.py")
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            getattr(module, f"write_{name}")(path)
        found.append(("cheat", path))
    return [*found, ("cheat", DISCOVERY)]


def read_secrets(folder, n):
    """Return n secrets, drawn once and kept in the folder."""
    paths = [folder / f"secret-{i}.txt" for i in range(n)]
    for path in paths:
        if not path.exists():
            write_secret(path, make_secret())
    return [read_secret(path) for path in paths]


def audit_all(submissions, secrets, folder, settings, only_kept=False):
    """Yield (kind, name, verdict, reason) of every audit; those in the folder are not run again."""
    for secret in secrets:
        for kind, path in submissions:
            source = read_submission(path)
            kept = folder / secret_digest(secret)[:16] / f"{kind}-{source.name}-{source.digest[:12]}.json"
            if kept.exists():
                report = read_report(kept)
            elif only_kept:
                continue
            else:
                report = run_audit(source, secret, settings)
                kept.parent.mkdir(exist_ok=True)
                write_report(kept, report)
                print(f"{secret_digest(secret)[:8]} {kind} {source.name}: {report.verdict}: {report.reason}",
                      file=sys.stderr, flush=True)  # fmt: skip
            yield kind, source.name, *judge(report)


def judge(report):
    """Return verdict and reason by the bounds of today, which may be others than the audit was made with."""
    _, verdict, reason = judge_sets(report.sets, report.track)
    return verdict, reason


def expected(kind, name):
    """Say what an audit should call a submission."""
    if kind != "cheat":
        return "passed"
    return "discovery" if name == "discovery" else "flagged"


def is_right(kind, name, verdict):
    """Was a submission called what it is? An import that the sandbox refuses counts as caught."""
    wanted = expected(kind, name)
    return verdict == wanted or (wanted == "flagged" and verdict.startswith(("flagged", "failed")))


def print_table(audits, secrets):
    """Return the confusion table as Markdown."""
    rows = {}
    for kind, name, verdict, _ in audits:
        rows.setdefault((kind, name), Counter())[verdict] += 1
    lines = ["| kind | method | expected | verdicts | right |", "|---|---|---|---|---|"]
    for (kind, name), verdicts in rows.items():
        told = ", ".join(f"{verdict} × {n}" for verdict, n in verdicts.most_common())
        right = sum(n for verdict, n in verdicts.items() if is_right(kind, name, verdict))
        lines.append(f"| {kind} | `{name}` | {expected(kind, name)} | {told} | {right} of {verdicts.total()} |")
    totals = []
    for kinds, words in ((("cheat",), "cheats called what they are"), (("fair", "baseline"), "fair methods passed")):
        of_kind = [(kind, name, verdict) for kind, name, verdict, _ in audits if kind in kinds]
        totals.append(f"{words}: {sum(is_right(*each) for each in of_kind)} of {len(of_kind)}")
    digests = ", ".join(secret_digest(secret)[:8] for secret in secrets)
    return "\n".join([*lines, "", f"{'; '.join(totals)}. Under {len(secrets)} secrets: {digests}."])


def main():
    """Audit, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--secrets", type=int, default=5)
    parser.add_argument("--only", choices=sorted(KINDS), action="append")
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--out", type=Path, default=Path("results/confusion"))
    parser.add_argument("--kept", action="store_true", help="run no audit, show those that are there")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    secrets = read_secrets(arguments.out, arguments.secrets)
    wanted = arguments.only or list(KINDS)
    submissions = [each for each in list_submissions(arguments.out) if each[0] in wanted]
    audits = list(audit_all(submissions, secrets, arguments.out, make_settings(jobs=arguments.jobs), arguments.kept))
    table = print_table(audits, secrets)
    print(table)
    if arguments.write:
        write_table("confusion", table)


if __name__ == "__main__":
    main()
