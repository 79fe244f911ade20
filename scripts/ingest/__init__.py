"""The main job: agents that read a source tree and share what they found. Run it with ``python -m scripts.ingest``."""
