"""Tests of the main job, on a small real source tree."""
