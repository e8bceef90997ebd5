"""The frame around the pages: links after a restart, phones, keyboards, both themes."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.serving import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE = 30_000
PAGES = ("", "model", "data", "variables", "train", "monitor", "evaluate")
STICKING_OUT = """() => {
  const main = document.querySelector('[data-testid=stMain]');
  return main.scrollWidth - main.clientWidth;
}"""


def test_a_link_to_a_page_works_as_the_first_request_of_a_server(
    own_server: Server, page: Page
) -> None:
    page.goto(f"{own_server.url}/model")
    expect(page.locator(".st-key-steps").get_by_role("link", name="Variables")).to_be_visible(
        timeout=PATIENCE
    )
    expect(page.get_by_role("heading", name="Model", exact=True)).to_be_visible(timeout=PATIENCE)
    assert page.title() == "Model · Aurora Dash"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone(own_server: Server, browser: Browser, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()
    for name in PAGES:
        page.goto(f"{own_server.url}/{name}")
        expect(page.locator(".st-key-steps")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=PATIENCE)
        assert page.evaluate(STICKING_OUT) <= 0, name
        # On a phone the path shows signs, but a screen reader still hears every step's name.
        monitor = page.locator(".st-key-steps").get_by_role("link", name="Monitor")
        expect(monitor).to_have_count(1, timeout=PATIENCE)
    context.close()


def test_the_demo_can_be_reached_by_keyboard(own_server: Server, page: Page) -> None:
    page.goto(own_server.url)
    button = page.get_by_role("button", name="Train the demo now")
    expect(button).to_be_visible(timeout=PATIENCE)
    for _ in range(20):
        page.keyboard.press("Tab")
        if button.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError("Tab never reached the demo's button")


def test_the_only_stop_on_a_page_is_that_of_the_training(own_server: Server, page: Page) -> None:
    page.goto(own_server.url)
    expect(page.locator(".st-key-steps")).to_be_visible(timeout=PATIENCE)
    # As Streamlit shows it while it draws a page for long.
    page.evaluate(
        """() => {
          const status = document.createElement('div');
          status.dataset.testid = 'stStatusWidget';
          status.innerHTML = '<span>Running</span><button>Stop</button>';
          document.querySelector('[data-testid=stAppViewContainer]').append(status);
        }"""
    )
    expect(page.get_by_text("Running", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
