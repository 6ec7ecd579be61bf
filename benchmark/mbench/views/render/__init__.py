"""Arrays to pictures. `views` says what to ask of an estimator, `draw` turns the answers into PNG files.

`landmarks` names places, `colours` and `page` lay out, `plots` draws lines and `surface` shaded surfaces.
"""
