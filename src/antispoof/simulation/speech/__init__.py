"""Speech through engines, copies of speech, rooms, microphones and codecs."""
