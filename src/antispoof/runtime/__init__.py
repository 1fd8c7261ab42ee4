"""From captures to verdicts. ONNX Runtime, no torch."""
