"""Anomalies in run history and in any other time series."""
