"""`python -m services.aggregator`: the stage as a service."""

from services.launch import launch

launch("aggregator")
