"""Records as JSON files in a directory."""
