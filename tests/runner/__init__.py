"""Tests of running agents."""
