"""Who is not logged in is told so, and led to the login and back."""

import pytest
from playwright.async_api import Browser, expect

from speakerline.services.gateway.auth.settings import AuthSettings
from tests.gateway.running import running
from tests.page.browser import opened


@pytest.mark.parametrize(("path", "back"), [("", "%2F"), ("call.html?id=c1#t=2.0", "%2Fcall.html%3Fid%3Dc1%23t%3D2.0")])
async def test_who_is_not_logged_in_is_led_to_the_login(browser: Browser, redis_url: str, path: str, back: str) -> None:
    async with (
        running(redis_url, auth=AuthSettings(jwt_key="k" * 32)) as gateway,
        opened(browser, f"http://127.0.0.1:{gateway.port}/{path}") as page,
    ):
        await expect(page.locator("#state")).to_have_text("please log in")
        await expect(page.locator("#login")).to_have_attribute("href", f"login?then={back}")


async def test_who_may_watch_sees_no_login(browser: Browser, redis_url: str) -> None:
    async with running(redis_url) as gateway, opened(browser, f"http://127.0.0.1:{gateway.port}/") as page:
        await expect(page.locator("#state")).to_have_text("live")
        await expect(page.locator("#login")).to_be_hidden()
