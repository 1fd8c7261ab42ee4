"""Where sessions, captures, results and the audit log are kept: SQLite or PostgreSQL, by one URL."""
