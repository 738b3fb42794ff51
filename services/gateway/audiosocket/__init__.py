"""Asterisk's AudioSocket: a TCP connection is one leg of a call, known by a UUID and by nothing else.

POST /audiosocket ──> announcement of each leg, in Redis
                                 │ taken
connection, UUID ────────────────┴──> call of the announcement, a channel a leg
                 └── none is there ──> call of one channel, named by the UUID
"""
