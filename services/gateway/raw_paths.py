"""Ids of calls may hold a slash: routes are found by the path as it was sent, and `%2F` in it parts nothing."""

from starlette.types import ASGIApp, Receive, Scope, Send


class RawPaths:
    """Middleware: the path that routes see is still percent-encoded, and so are the parameters in it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and scope.get("raw_path"):
            scope = {**scope, "path": scope["raw_path"].decode("ascii", "replace")}
        await self._app(scope, receive, send)
