"""How cells are run: here or on a cluster, evaluated, tuned, checked, and learned again for who asks the estimator."""
