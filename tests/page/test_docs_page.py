"""The page of the API shows every route, also where nothing but the gateway can be reached."""

from playwright.async_api import Browser, expect

from tests.gateway.running import running
from tests.page.browser import opened, violations


async def test_every_route_is_shown_with_what_it_takes_and_answers(browser: Browser, redis_url: str) -> None:
    async with running(redis_url) as gateway, opened(browser, f"http://127.0.0.1:{gateway.port}/docs") as page:
        paths = (await gateway.client.get("/openapi.json")).json()["paths"]
        routes = [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]
        await expect(page.locator("#routes h2")).to_have_text(routes)
        await expect(page.locator("#contents a")).to_have_text(routes)
        export = page.locator("#get-calls-call-id-export-file")
        await expect(export.locator("tr").filter(has_text="The kind of file.")).to_contain_text("path: txt, srt, vtt")
        await expect(export.locator("table").last).to_contain_text("404")
        assert await violations(page) == []
