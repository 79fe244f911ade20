"""Observing a store's directory: what the operating system hints at, compared with what was told before."""
