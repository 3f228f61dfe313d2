"""What is learnt from runs: descriptions and embeddings, labels, redaction, splits, and the export with its card."""
