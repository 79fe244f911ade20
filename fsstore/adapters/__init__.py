"""Other people's interfaces to a store."""
