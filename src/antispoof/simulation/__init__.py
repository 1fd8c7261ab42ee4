"""Simulated bona fide presentations and attacks. Everything made here is marked as simulated."""
