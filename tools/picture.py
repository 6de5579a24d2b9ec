"""The pictures of the incident page: `make picture` plays the demo up to its middle and looks at it with a browser.

Needs Chromium: the system's, or playwright's own (`playwright install chromium`).
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tocsin.demo.ending import told_to_stop_once
from tocsin.demo.pace import ORDINARY
from tocsin.demo.stage import Stage, stage
from tocsin.demo.steps import Result, StepFailedError, Steps
from tocsin.demo.story import Story, play

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"
DESK, PHONE = ("incident.png", 1280, 800), ("incident-phone.png", 390, 844)
"""File, width and height in pixels; of the desk's the whole page, of the phone's what is seen without scrolling."""
MIDDLE = "taken"
"""The act after which the pictures are taken: two levels were paged, one person has it, it is not over."""
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Silent:
    """An audience that is only interested in what goes wrong."""

    def ended(self, result: Result) -> None:
        """Say what was not seen."""
        if not result.passed:
            print(result.title, *(f"{label}: {text}" for label, text in result.lines), sep="\n  ", file=sys.stderr)

    def happened(self, entry: Mapping[str, Any]) -> None:
        """The timeline is in the picture."""


def browser_path() -> str | None:
    """The system's Chromium; None when there is none, so that playwright takes its own."""
    return next(filter(None, map(shutil.which, _BROWSERS)), None)


def take_pictures(browser: Browser, running: Stage, story: Story, folder: Path) -> list[Path]:
    """Look at the incident as the person who has it, in every size; the files that were written."""
    granted = running.api.post("/tokens", {"role": "commander", "person": story.holder, "name": "picture"})
    running.steps.until(lambda: _settled(running, story), "every page's result on the timeline", lambda: "fewer")
    written = []
    for name, width, height in (DESK, PHONE):
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="light")
        page = context.new_page()
        page.goto(f"{running.server.url}/login?next=/incidents/{story.incident}")
        page.fill("input[name=token]", granted["token"])
        page.click("main button")
        page.wait_for_selector(".livestate[data-state=live]", state="attached")
        page.screenshot(path=folder / name, full_page=name == DESK[0])
        written.append(folder / name)
        context.close()
    return written


def _settled(running: Stage, story: Story) -> bool | None:
    """Whether all that is owed by now is on the timeline, so that the page does not change under the camera."""
    entries = running.api.get(f"/incidents/{story.incident}/timeline")["items"]
    reported = sum(len(entry["data"]["results"]) for entry in entries if entry["event"] == "pages_reported")
    return True if reported >= story.show()["pages"] else None


def main() -> int:
    """Take the pictures; 1 when the demo did not get as far as that."""
    PICTURES.mkdir(exist_ok=True)
    # Chromium's own sandbox cannot be had by root, as whom containers like to run.
    sandbox = hasattr(os, "geteuid") and os.geteuid() != 0
    try:
        with (
            told_to_stop_once(),
            TemporaryDirectory(prefix="tocsin-picture-", ignore_cleanup_errors=True) as home,
            stage(Path(home), ORDINARY, Steps(Silent())) as running,
            sync_playwright() as playwright,
            playwright.chromium.launch(executable_path=browser_path(), chromium_sandbox=sandbox) as browser,
        ):
            story = play(running, until=MIDDLE)
            for path in take_pictures(browser, running, story, PICTURES):
                print(f"{path.relative_to(Path.cwd())}: {path.stat().st_size // 1024} kB")
    except StepFailedError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
