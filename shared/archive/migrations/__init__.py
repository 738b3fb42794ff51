"""How the tables came to be: alembic runs what a database has not seen, in order."""
