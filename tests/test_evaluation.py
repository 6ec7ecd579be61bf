"""What `mbench evaluate --json` prints is what docs/evaluate.schema.json says, neither more nor less."""

import copy
import json
from pathlib import Path

import pytest
from json_schema import faults

from mbench.cli.evaluation import SCHEMA_VERSION

SCHEMA = Path(__file__).parents[1] / "docs" / "evaluate.schema.json"
pytestmark = pytest.mark.skipif(not SCHEMA.exists(), reason="documents lie in the checkout, not in the wheel")

# It learns the curve, prints, and fails on inputs of ten columns.
PARTLY = """
    from sklearn.neighbors import KNeighborsRegressor
    class Partly(KNeighborsRegressor):
        def fit(self, X, y):
            print("learning", X.shape)
            if X.shape[1] == 10:
                raise ValueError("ten are too many")
            return super().fit(X, y)
    def build(spec):
        return Partly()
"""


@pytest.fixture(scope="module")
def schema():
    return json.loads(SCHEMA.read_text())


@pytest.fixture
def printed(mbench, submission_file):
    def run(*options):
        path = submission_file(PARTLY, "partly.py")
        result = mbench("evaluate", path, "--task", "curve", "--no-pictures", "--json", *options)
        return result.exit_code, json.loads(result.stdout)

    return run


def test_what_is_printed_is_what_the_schema_says(printed, schema):
    code, content = printed("--task", "friedman", "--replicates", 2, "-m", "two")
    assert code == 1
    assert faults(content, schema, schema) == []
    assert content["schema"] == SCHEMA_VERSION
    by_cell = {(cell["task"], cell["replicate"]): cell for cell in content["cells"]}
    assert len(by_cell) == 4
    failed, good = by_cell["friedman", 1], by_cell["curve", 1]
    assert (failed["status"], failed["score"]) == ("crash", 0.0)
    assert "ten are too many" in failed["reason"]
    assert "learning (1000, 10)" in failed["output"]
    (curve,) = (task for task in content["tasks"] if task["task"] == "curve")
    scores = [by_cell["curve", r]["score"] for r in (0, 1)]
    assert curve["score"] == pytest.approx(sum(scores) / 2)
    assert good["status"] == "ok"
    assert content["log"]["number"] == 1
    assert content["test_set"] == "public"
    assert not content["practice"]
    assert "audit" not in content


def test_practice_and_a_hidden_set_print_the_same_names(printed, schema, mbench, tmp_path):
    code, content = printed("--practice")
    assert code == 0
    assert faults(content, schema, schema) == []
    assert content["practice"]
    assert not content["complete"]
    assert [cell["replicate"] for cell in content["cells"]] == [1_000]
    assert mbench("suite", "seed", "--out", tmp_path / "secret.txt").exit_code == 0
    _, hidden = printed("--hidden-seed", tmp_path / "secret.txt")
    assert faults(hidden, schema, schema) == []
    assert hidden["test_set"].startswith("hidden:")
    assert not hidden["practice"]


def test_every_name_of_the_schema_has_its_words(schema):
    lacking = []

    def walk(part, place):
        for name, each in part.get("properties", {}).items():
            if "$ref" not in each and not each.get("description", "").strip():
                lacking.append(f"{place}.{name}")
        for name, each in part.get("$defs", {}).items():
            walk(each, name)

    walk(schema, "$")
    assert lacking == []


def test_what_departs_from_the_schema_is_found(schema):
    cell = dict.fromkeys(schema["$defs"]["cell"]["required"])
    cell |= {"task": "curve", "replicate": 0, "status": "ok", "reason": "", "n_samples": 1, "fit_limit_s": 5.0}
    good = cell | {"output": ""}
    of_cell = {"$ref": "#/$defs/cell"}
    assert faults(good, of_cell, schema) == []
    for change in ({"status": "lost"}, {"replicate": 1.5}, {"error": "0.5"}, {"more": 1}, {"replicate": True}):
        assert len(faults(good | change, of_cell, schema)) == 1, change
    lacking = copy.copy(good)
    del lacking["score"]
    assert faults(lacking, of_cell, schema) == ["$.score: is missing"]
