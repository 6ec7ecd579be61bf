"""All of mbench, beside `nn` and the ground floor, that a submission's process may read.

Nothing here knows a task. A module imports `errors`, `types` and this room, and the sandbox hides the rest.
"""
