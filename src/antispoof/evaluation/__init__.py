"""Scores in, standard metrics and reports out. Imports no other room."""
