"""Where a submission runs: the child process seen from outside, the tiers that hold it, the nursery it comes from."""
