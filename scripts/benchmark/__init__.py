"""The benchmark: fsstore against its peers on the same work, as ratios measured in one run."""
