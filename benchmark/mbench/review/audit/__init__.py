"""The audit: does a method learn from its sample, or does it know what the sample was drawn from?

The method is fitted on the Mandelbrot set and on hidden relatives of it, drawn under a secret. What approximates does
alike on all of them; what carries a formula, or the public test set, does not. `run_audit` is the way in.
"""
