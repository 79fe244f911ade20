"""Subscriptions to what changes in a store: the half of watching that no engine needs to know."""
