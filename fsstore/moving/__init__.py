"""Records on their way: out of a store as lines of JSON, into one, and from namespace to namespace."""
