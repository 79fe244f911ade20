"""The history of a store: snapshots are git commits, and git is known here only."""
