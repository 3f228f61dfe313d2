"""What is produced: backups that were restored, run history, vectors, datasets, signals."""
