"""Run by alembic: applies migrations within the transaction of `migrate`."""

from alembic import context

from speakerline.shared.archive.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table="archive_version"
)
with context.begin_transaction():
    context.run_migrations()
