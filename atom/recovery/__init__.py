"""Backups that were restored before anybody needs them."""
