"""`python -m services.embedding`: the stage as a service."""

from services.launch import launch

launch("embedding")
