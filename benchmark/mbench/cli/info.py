"""`mbench info`: what would a record from this machine say?"""

from __future__ import annotations

import click

from mbench.cli.options import examples, json_option


@click.command(epilog=examples("mbench info", "mbench info --json"))
@json_option
def info(as_json: bool) -> None:
    """Show versions, device, isolation and data of this machine, and test the ground truth's arithmetic."""
    import json

    from mbench import __version__
    from mbench.cli.console import fold
    from mbench.errors import MbenchError
    from mbench.results.environment import describe_environment
    from mbench.runs.cells import code_digest
    from mbench.sandbox.tiers import choose_isolation
    from mbench.suite import datasets, orbits, tracks

    isolation = choose_isolation(allow_none=True)
    try:
        orbits.self_test()
        truth = "passed"
    except MbenchError as error:
        truth = f"failed: {error}"
    try:
        datasets.load_mnist()
        mnist = str(datasets.data_folder() / "mnist")
    except MbenchError as error:
        mnist = f"absent ({error})"
    facts = {
        "mbench": __version__,
        "suite": str(tracks.SUITE_VERSION),
        **describe_environment(),
        "cuda": _cuda(),
        "isolation": f"tier {isolation.tier}: {isolation.summary}",
        **({"stronger isolation": isolation.why_not_higher} if isolation.why_not_higher else {}),
        "ground truth self-test": truth,
        "mnist": mnist,
        "code digest": code_digest()[:16],
    }
    if as_json:
        click.echo(json.dumps(facts, indent=1))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(fold(f"{name:<{width}}  {value}", indent=" " * (width + 2)))


def _cuda() -> str:
    try:
        import torch
    except ImportError:
        return "unknown, torch is not installed"
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
