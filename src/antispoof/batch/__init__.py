"""From a bundle and a dataset to a score file: rows in, records out, in parts that survive whatever stops."""
