"""Phonemes for Kokoro: spelled as its alphabet wants them."""

from __future__ import annotations

import numpy as np
import pytest

from antispoof.simulation.speech.text_to_speech import found_talkers, speak
from antispoof.simulation.speech.text_to_speech.kokoro import kokoro_phonemes


def test_phonemes_are_spelled_as_kokoro_does() -> None:
    assert kokoro_phonemes("ðə nˈaɪt pˈoːɹɾɚ\n") == "ðə nˈIt pˈɔɹTəɹ"
    assert kokoro_phonemes("tʃˈeɪndʒ dʒˈɜːni nˈɔɪz dʒˈɛnɚɹəlz") == "ʧˈAnʤ ʤˈɜɹni nˈYz ʤˈɛnəɹəlz"


@pytest.mark.skipif("tts_kokoro" not in found_talkers(), reason="tts_kokoro is not installed on this machine")
def test_voices_differ() -> None:
    one, other = (speak("Good.", "tts_kokoro", np.random.default_rng(seed)) for seed in (0, 1))
    assert len(one) != len(other)
    assert min(len(one), len(other)) > 4000
