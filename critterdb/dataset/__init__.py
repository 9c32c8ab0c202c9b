"""Turn rows into labelled examples, split without leakage."""
