"""What is kept: metrics, records and their store, predictions, scores, the frozen reference, audits, curves."""
