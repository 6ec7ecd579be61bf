from mbench.results.agreement import describe_manners, describe_strangers, find_strangers


def test_who_was_scored_on_another_definition_is_found(make_record):
    usual = [make_record(task="curve", task_digest="a"), make_record(task="sphere", task_digest="b")]
    other = [make_record(task="curve", task_digest="x"), make_record(task="sphere", task_digest="b")]
    assert find_strangers({"one": usual, "two": usual, "three": other}) == {"three": ("curve",)}
    assert find_strangers({"one": usual, "two": usual}) == {}


def test_of_two_definitions_the_first_entrys_is_the_tables(make_record):
    records = {name: [make_record(task_digest=name)] for name in ("one", "two")}
    assert find_strangers(records) == {"two": ("curve",)}
    assert "curve" in describe_strangers(("curve",))


def test_replicates_of_one_entry_count_once(make_record):
    many = [make_record(replicate=number, task_digest="x") for number in range(5)]
    few = {name: [make_record(task_digest="a")] for name in ("one", "two")}
    assert find_strangers({"many": many, **few}) == {"many": ("curve",)}


def test_who_was_run_in_another_manner_is_told(make_record):
    usual = {name: [make_record(harness_digest="a" * 64, isolation="A")] for name in ("one", "two")}
    assert describe_manners(usual) == []
    assert describe_manners({}) == []
    other = [make_record(harness_digest="b" * 64, isolation="A"), make_record(harness_digest="a" * 64, isolation="B")]
    assert describe_manners({**usual, "three": other}) == [
        "three: run under the protocol bbbbbbbb, and most here under the protocol aaaaaaaa",
        "three: run in sandbox tier B, and most here in sandbox tier A",
    ]
