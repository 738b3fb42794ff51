"""The database of archived calls: its tables, how it is opened, and what may be asked of it.

services/archive ──writes──> [ calls, turns, transcripts, ... ] <──reads── services/gateway
                              SQLite, or PostgreSQL by URL
"""
