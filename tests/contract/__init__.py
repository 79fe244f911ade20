"""The contract of a store, held by every engine: one suite, run once per engine."""
