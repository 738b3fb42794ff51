"""The archive: keeps calls in a database after Redis has let them go, with their words, statistics and sound.

Reads the timelines of all calls (the firehose), snapshots where events are missing, and sound where it is recorded;
writes the tables of `shared.archive` and files of sound; erases calls when `forget` asks for it. How far it has read
the firehose is committed with what it made of it, in one transaction of the database.

    firehose ──XREAD after the committed position──> Timeline of each call ──rows and position at once──> database
                       hole in a call ──> snapshot of the call from Redis ───────┘

Why no consumer group of FastStream: its position lies in Redis, and rows in the database, so that a crash between the
two doubles or strands events; it gives events of one call to several consumers, out of order; and it retries nothing
that failed. Here one process writes at a time, the others wait to take its place, and a fencing token in the database
keeps a writer that was taken for dead from writing.
"""
