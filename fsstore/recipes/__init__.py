"""What agents write by hand over get and set, done once: each on the public verbs of a namespace only."""
