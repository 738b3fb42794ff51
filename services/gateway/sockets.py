"""Where producers of calls connect."""

from fastapi import APIRouter

router = APIRouter()
