"""One file a kind of attack, each registered in `antispoof.simulation.clip.clip_instruments`."""
