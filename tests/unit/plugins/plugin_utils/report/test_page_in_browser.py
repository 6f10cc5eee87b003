# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page in a real browser: it filters, sorts, prints, asks nobody for anything, and fits a phone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._report import forms
from tests.unit.plugins.plugin_utils.fleet.kit import NEW, OLD, standard
from tests.unit.plugins.plugin_utils.report.kit import HOSTILE, report_on

CHROMIUM = "/usr/bin/chromium"
#: Reasons not to run, none where everything is there.
try:
    from playwright.sync_api import Page, sync_playwright
except ImportError:
    MISSING = "playwright of requirements-dev.txt is not installed here"
else:
    MISSING = "" if os.path.exists(CHROMIUM) else f"there is no {CHROMIUM} (Debian: apt-get install chromium)"

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
    # One browser for all of them.
    pytest.mark.xdist_group("browser"),
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a broken fleet whose certificates hold what hurts browsers."""
    fleet = standard(3, 2, ca=NEW, ends=100)
    fleet.give("core1", "callbridge", NEW, ends=-3)
    fleet.give("core2", "webadmin", OLD, ends=9, common_name=HOSTILE[0], names=("core2.example.com",))
    fleet.trust("edge1", "webbridge3", *OLD.pems)
    fleet.nodes["edge2"].unreachable = HOSTILE[1]
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(forms.render(report_on(fleet), "html"))
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as play:
        # As root, in a container, there is no sandbox to be had; the page is ours.
        started = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


class Visit:
    """A visit to the page, and what it said and asked for meanwhile."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: self.said.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(file.as_uri())

    def rows(self) -> list[str]:
        """Give the texts of the rows that are seen."""
        found: list[str] = self.page.locator("#table tbody tr:visible").all_inner_texts()
        return found

    def ends(self) -> list[str]:
        return [str(row.get_attribute("data-end")) for row in self.page.locator("#table tbody tr:visible").all()]


@pytest.fixture
def visit(request: pytest.FixtureRequest, browser: Any, file: Path) -> Iterator[Visit]:
    context = browser.new_context(**getattr(request, "param", {"viewport": {"width": 1280, "height": 900}}))
    made = Visit(context.new_page(), file)
    yield made
    assert made.said == []
    assert made.asked == [file.as_uri()]
    context.close()


def test_words_find_nodes_names_services_and_fingerprints(visit: Visit) -> None:
    everything = len(visit.rows())
    visit.page.get_by_label("Filter").fill("edge1 turn")
    found = visit.rows()
    assert 0 < len(found) < everything
    assert all("edge1" in row and "turn" in row for row in found)
    assert visit.page.locator("#counted").inner_text().startswith(f"{len(found)} of ")
    fingerprint = str(visit.page.locator("#table tbody tr:visible code").first.get_attribute("title"))
    visit.page.get_by_label("Filter").fill(fingerprint.removeprefix("SHA-256 "))
    assert len(visit.rows()) == 1
    visit.page.get_by_label("Filter").fill("")
    assert len(visit.rows()) == everything


def test_the_state_and_the_kind_choose_rows(visit: Visit) -> None:
    visit.page.get_by_label("State").select_option("expired")
    (row,) = visit.rows()
    assert "core1.example.com" in row
    assert "3 days ago" in row
    visit.page.get_by_label("State").select_option("")
    visit.page.get_by_label("Show").select_option("authority")
    assert visit.rows()
    assert all("CA" in row for row in visit.rows())


def test_a_click_or_a_key_on_a_heading_sorts(visit: Visit) -> None:
    ends = visit.ends()
    assert ends == sorted(ends)
    button = visit.page.get_by_role("button", name="Ends")
    button.click()
    assert visit.ends() == sorted(ends, reverse=True)
    heading = visit.page.locator("#table th").first
    assert heading.get_attribute("aria-sort") == "descending"
    button.focus()
    visit.page.keyboard.press("Enter")
    assert visit.ends() == sorted(ends)
    visit.page.get_by_role("button", name="Certificate").click()
    titles = visit.page.locator("#table tbody tr:visible .title").all_inner_texts()
    assert [title.lower() for title in titles] == sorted(title.lower() for title in titles)
    assert heading.get_attribute("aria-sort") is None


def test_what_names_hold_is_text(visit: Visit) -> None:
    text = visit.page.inner_text("body")
    assert HOSTILE[0] in text
    assert HOSTILE[1] in text
    assert visit.page.locator("img").count() == 0


@pytest.mark.parametrize(
    "visit",
    [
        {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "device_scale_factor": 2},
        {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"},
        {"viewport": {"width": 768, "height": 1024}},
    ],
    indirect=True,
    ids=["phone", "dark", "tablet"],
)
def test_a_small_screen_needs_no_sideways_scrolling(visit: Visit) -> None:
    inner, outer = visit.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert inner <= outer
    visit.page.get_by_label("Filter").fill("core1")
    assert visit.rows()
    box = visit.page.locator("#table tbody tr:visible").first.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= outer


@pytest.mark.parametrize("visit", [{"color_scheme": "light"}, {"color_scheme": "dark"}], indirect=True)
def test_words_stand_out_from_what_is_behind_them(visit: Visit) -> None:
    """WCAG 2.1 asks for a contrast of 4.5 to 1."""
    worst = visit.page.evaluate(
        """() => {
          const parts = (color) => color.match(/[\\d.]+/g).map(Number);
          const light = (rgb) => rgb.slice(0, 3).map((c) => c / 255)
            .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
            .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
          const behind = (node) => {
            for (let at = node; at; at = at.parentElement) {
              const found = parts(getComputedStyle(at).backgroundColor);
              if (found.length < 4 || found[3] > 0) return found;
            }
            return [255, 255, 255];
          };
          const found = [];
          const texts = "p, span, b, td, th, h1, h2, code, summary, label, output, small, i";
          for (const node of document.querySelectorAll(texts)) {
            if (!node.checkVisibility() || !node.textContent.trim()) continue;
            const [a, b] = [light(parts(getComputedStyle(node).color)), light(behind(node))];
            const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            found.push([contrast, node.className + ": " + node.textContent.slice(0, 40)]);
          }
          return found.sort((x, y) => x[0] - y[0])[0];
        }"""
    )
    assert worst[0] >= 4.5, worst


def test_it_prints(visit: Visit) -> None:
    visit.page.emulate_media(media="print")
    assert not visit.page.locator("#filter").is_visible()
    assert visit.page.locator("#table tbody tr").first.is_visible()
    printed = visit.page.pdf(format="A4")
    assert printed.startswith(b"%PDF-")
    assert len(printed) > 20_000


def test_it_can_be_read_without_script(browser: Any, file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator("#table tbody tr").first.is_visible()
    assert not page.locator("#filter").is_visible()
    context.close()
