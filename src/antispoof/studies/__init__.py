"""Long runs that end in a report: protocols, ablations, complexity, chimeric and spoof-aware studies."""
