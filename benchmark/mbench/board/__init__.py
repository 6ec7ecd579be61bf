"""Who stands where: statistics, candidates, standings, the one list of columns, and a board in every format."""
