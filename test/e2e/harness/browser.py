"""A browser without a window: Debian's chromium, driven by python3-selenium.

It keeps what the page said in its console and every address that it asked for, so that a
test can hold that there was no error and no request to anybody else.
"""
import base64
import json
import os

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

CHROMEDRIVER = "/usr/bin/chromedriver"
ARGUMENTS = ["--headless=new", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage",
             "--no-first-run", "--disable-background-networking", "--disable-component-update"]


class Browser:
    """One window, of which every test sees another width."""

    def __init__(self, directory):
        options = webdriver.ChromeOptions()
        for argument in ARGUMENTS + [f"--user-data-dir={directory}"]:
            options.add_argument(argument)
        # Chromium's sandbox doesn't work for root.
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service(CHROMEDRIVER), options=options)
        self.driver.set_page_load_timeout(60)

    def size(self, width, height=900):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})

    def media(self, media="screen", scheme="light"):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "media": media, "features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def script(self, enabled):
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not enabled})

    def open(self, url):
        self.console()
        self.driver.get_log("performance")
        self.driver.get(url)

    def run(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def console(self):
        """What the page said since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self):
        """The addresses that were asked for since the last call."""
        found = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return found

    def overflow(self):
        """By how many pixels the page is wider than the window."""
        return self.run("return document.documentElement.scrollWidth - window.innerWidth")

    def screenshot(self, path, top=0, height=2400):
        whole = self.run("return [document.documentElement.scrollHeight, window.innerWidth]")
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {
            "format": "png", "captureBeyondViewport": True,
            "clip": {"x": 0, "y": top, "width": whole[1], "height": min(height, whole[0] - top), "scale": 1}})
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))

    def pdf(self):
        return base64.b64decode(self.driver.execute_cdp_cmd("Page.printToPDF", {
            "preferCSSPageSize": True, "printBackground": False})["data"])

    def close(self):
        self.driver.quit()
