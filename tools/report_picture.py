# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take the picture in docs/report.md anew: the page of a simulated fleet of twelve nodes with faults in it.

``python -m tools.report_picture`` wants Debian's chromium and the packages of requirements-dev.txt.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.integration import faulty
from tests.integration.estate import close, make_estate
from tests.integration.harness import ROOT
from tests.integration.warm import WarmServer

CHROMIUM = "/usr/bin/chromium"
PICTURE = ROOT / "docs" / "report.png"
#: Points, and pixels for each: the page goes on below.
WIDTH, HEIGHT, SCALE = 1180, 2640, 0.62


def make_page(folder: Path) -> Path:
    """Start a fleet, break it, report on it; give the page."""
    out = folder / "report"
    estate = make_estate(folder, faulty.large(), {"cms_report_dir": str(out), "cms_report_fail_on": []})
    try:
        faulty.break_it(estate, silent="streamer1")
        result = estate.run("certops.cms.report")
        if result.rc:
            sys.exit(result.stdout)
    finally:
        close(estate)
        WarmServer.stop()
    return out / "report.html"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        page_file = make_page(Path(folder))
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", device_scale_factor=SCALE
        )
        page.goto(page_file.as_uri())
        page.screenshot(path=str(PICTURE))
        browser.close()
    print(f"{PICTURE}: {PICTURE.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
