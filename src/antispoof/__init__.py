"""Multimodal biometric anti-spoofing: tells whether the person in front of the sensors is really there."""
