"""Proof of what was decided and done: records in a hash chain, sealed into the object store, checked without us."""
