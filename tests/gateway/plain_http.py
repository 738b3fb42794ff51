"""HTTP without TLS: httpx reads the certificates of all authorities for each client that may need them, in 50 ms."""

from typing import Any

import httpx


def http_client(**options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(verify=False, **options)


def get(url: str, **options: Any) -> httpx.Response:
    return httpx.get(url, verify=False, **options)
