"""What is asked: tracks, tasks, random points, orbits, the zoom ladder, data sets, and secrets of hidden test sets."""
