"""Dagster's composition root."""
