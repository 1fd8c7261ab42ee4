"""Prints of fingers that nobody has, live and as casts, before sensors of several kinds.

A finger is grown (`finger`), or copied in some material (`instruments`), pressed (`press`) and taken by a
sensor (`sensors`). Lengths are in pixels of 500 ppi, 0.0508 mm each, where nothing else is said.
"""
