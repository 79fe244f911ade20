"""Each pattern with fsstore: what the agents in ``before`` do, in as few lines of store code as it takes."""
