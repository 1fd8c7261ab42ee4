"""The HTTP service: one-time sessions, signed verdicts, an audit log."""
