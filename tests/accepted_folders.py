"""What a maintainer would have published of a submission's folder, had the rerun given what its result.json says."""

import shutil
from pathlib import Path

from mbench.results.audits import REPORT_NAME
from mbench.results.reruns import make_rerun, rerun_folder, write_rerun
from mbench.results.store import RESULT_NAME, read_result
from mbench.submission import safe_name
from mbench.suite.tracks import SUITE_VERSION


def accept_claim(folder: Path, suite: int = SUITE_VERSION) -> Path:
    """Publish the records and the audit of a folder as a maintainer's, and return where they lie."""
    records = read_result(folder / RESULT_NAME, suite).records
    made = max(record.created for record in records)
    rerun = make_rerun(safe_name(folder.name), records, records[0].environment, made, "0" * 64)
    write_rerun(folder.parent, rerun)
    verified = rerun_folder(folder.parent, rerun.name, suite)
    if (folder / REPORT_NAME).exists():
        shutil.copyfile(folder / REPORT_NAME, verified / REPORT_NAME)
    return verified
