"""Published datasets, one file each: layout, official protocols, counts, terms.

Every file turns one function into a `antispoof.data.layout.Dataset` with ``@dataset(...)``. The example it
gives is both what the documentation shows and the miniature on which the contract tests run the reader.
"""
