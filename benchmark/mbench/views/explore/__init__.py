"""Fly through what a submission learned: tiles of truth and prediction, computed on demand for a page in the browser.

`chart` says where tiles lie, `layers` computes, `doorkeeper` and `guard` say who may ask, `parameters` what,
`app` answers, `server` runs it all on this machine alone. `static` is the page.
"""
