"""Subscriptions: what one watcher is told of the changes of a store, in its own time. It observes nothing itself."""
