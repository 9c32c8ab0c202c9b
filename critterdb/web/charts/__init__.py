"""Charts, drawn on the server as SVG: pure functions from plain numbers to markup.

Colours are classes of critterdb.css, so that a chart follows dark mode; nothing is inline style,
which the pages' policy forbids. Each page shows a chart's numbers as a table beside it.
"""
