"""Alembic's environment: runs on the connection that `migrations.apply` opened, one transaction a revision."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
