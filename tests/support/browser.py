"""A real Chromium, driven by its own driver: found, or its absence told."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

DEADLINE_S = 60.0
_T = TypeVar("_T")


class Browser:
    """One window, and what its console said."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        """A page as if for the first time, also where only the fragment differs."""
        self.driver.get("about:blank")
        self.driver.get(url)

    def until(self, look: Callable[[], _T], about: str = "") -> _T:
        """What `look` gives once it is true; elements may be replaced meanwhile."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            try:
                if found := look():
                    return found
            except StaleElementReferenceException:
                pass
            time.sleep(0.05)
        raise AssertionError(f"{about or 'it'} did not come; the page has:\n{self.text()[:3000]}")

    def text(self) -> str:
        return str(self.driver.execute_script("return document.body.innerText"))

    def sees(self, words: str) -> None:
        self.until(lambda: words.casefold() in self.text().casefold(), repr(words))

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        return self.until(lambda: next((e for e in self.all(selector) if e.is_displayed()), None), selector)  # type: ignore[return-value] # None is not true

    def button(self, words: str) -> WebElement:
        return self.until(lambda: next((e for e in self.all("button") if e.text == words), None), words)  # type: ignore[return-value] # as above

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def run_async(self, script: str) -> Any:
        """What the script gives to its first argument, a function."""
        return self.driver.execute_async_script(script)

    def press(self, *keys: str) -> None:
        """Keys for whatever has the focus."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def look_like(self, width: int, height: int, *, dark: bool = False) -> None:
        """A screen of this size, which may be smaller than a window can be, and this preference of colours."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def complaints(self) -> list[str]:
        """What the console has said since it was last asked: errors, and whatever the policy kept from happening."""
        logs: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [str(entry["message"]) for entry in logs if entry["level"] in ("SEVERE", "WARNING")]


def binaries() -> tuple[str, str]:
    """Paths of Chromium and its driver. Where one is missing, the test is skipped; in CI it fails."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        message = "NO BROWSER: install Debian's packages chromium and chromium-driver to test the console"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return chromium, driver


@contextmanager
def browsing(folder: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> Iterator[Browser]:
    """A browser with a profile of its own, without a window on any screen."""
    chromium, chromedriver = binaries()
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
        *(f"--user-data-dir={folder}", f"--window-size={width},{height}", "--force-device-scale-factor=1"),
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(executable_path=chromedriver))
    try:
        driver.set_script_timeout(DEADLINE_S)
        driver.set_page_load_timeout(DEADLINE_S)
        browser = Browser(driver)
        browser.look_like(width, height, dark=dark)
        yield browser
    finally:
        driver.quit()
