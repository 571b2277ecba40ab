"""What a page costs: the time to make it, its size, and in Chromium until it can be used and of each interaction.

The browser's own timers are read: the marks that the page sets, counted from the start of its loading, and of every
interaction the longest of its events' durations, from the input until the next frame is shown (Event Timing; multiples
of 8 ms, and none where it took less than 16), or of its tasks, if one is longer (of 50 ms or more). Loading is the
median of --repeats windows.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from _chromium import Browser, Page, find

from walee_async.page import About, Spend, render
from walee_async.scoring import Brief, Score, ScoreView, score
from walee_async.testing import Maker

SEED = 5
BRIEF = Brief.make(name="Women in three countries", genders=["FEMALE"], ages=["18-34"], countries=["US", "PK", "EG"])

WATCH = """
window.events = [];
const note = new PerformanceObserver(list => events.push(...list.getEntries().map(one => one.duration)));
note.observe({type: 'event', durationThreshold: 16}); note.observe({type: 'longtask'}); 0"""


def reports(creators: int) -> Iterator[ScoreView]:
    """Made-up reports, as a store gives them."""
    maker = Maker(SEED, creators=creators)
    decoder = msgspec.json.Decoder(dict[str, msgspec.Raw], strict=False)
    view = msgspec.json.Decoder(ScoreView, strict=False)
    for index in range(creators):
        yield view.decode(decoder.decode(maker.body(index))["payload"])


def tick(page: Page) -> None:
    """Tick four creators and compare them."""
    for place in range(1, 5):
        page.click(f"#rows tr:nth-child({place}) .pick input")
    page.click("#compare-open")
    page.until("byId('compare').open")
    page.press("Escape")


def open_panel(page: Page) -> None:
    """Open a creator, and wait for its charts."""
    page.click("#rows tr:nth-child(5) .open")
    page.until("byId('panel').open && !queue.length && !drawing")


def turn(page: Page) -> None:
    """Go on to the next creator, and close."""
    page.press("ArrowRight")
    page.until("byId('panel').open && !queue.length && !drawing")
    page.press("Escape")


def type_words(page: Page) -> None:
    """Type into the search field."""
    page.click("#filter-search")
    page.type("silver")


def brush(page: Page) -> None:
    """Drag over the scatter."""
    found = page.do("(({x, y, width, height}) => [x, y, width, height])(byId('scatter-plot').getBoundingClientRect())")
    x, y, width, height = found
    page.drag((x + 0.3 * width, y + 0.2 * height), (x + 0.8 * width, y + 0.8 * height))


INTERACTIONS: dict[str, Callable[[Page], None]] = {
    "sort by followers": lambda page: page.click("#head-followers button"),
    "sort by name": lambda page: page.click("#head-name button"),
    "filter by grade": lambda page: page.click(".gradeboxes input[value=reject]"),
    "clear the filters": lambda page: page.click("#filters .quiet"),
    "search, six letters": type_words,
    "clear the search": lambda page: page.click("#filters .quiet"),
    "brush the scatter": brush,
    "clear the brush": lambda page: page.click("#filters .quiet"),
    "last page of the table": lambda page: page.click("#pager button:last-child"),
    "open a creator": open_panel,
    "the next creator": turn,
    "compare four": tick,
    "download CSV": lambda page: page.click("#csv-download"),
}


def loading(browser: Browser, path: Path, repeats: int) -> tuple[float, float]:
    """Milliseconds until the table can be used, and until all is drawn."""
    times = []
    for _ in range(repeats):
        page = browser.page()
        page.open(path)
        times.append(
            [page.do(f"performance.getEntriesByName('{mark}')[0].startTime") for mark in ("usable", "complete")]
        )
        page.close()
    return statistics.median(one[0] for one in times), statistics.median(one[1] for one in times)


def interactions(browser: Browser, path: Path, folder: Path) -> dict[str, float]:
    """The longest milliseconds from an input to the next frame, by what was done."""
    page = browser.page(downloads=folder)
    page.open(path)
    page.do(WATCH)
    # Without a frame there is no end to an interaction: it would be counted to the next one, and itself as nothing.
    page.show()
    found = {}
    for name, act in INTERACTIONS.items():
        page.do("events.length = 0")
        act(page)
        for _ in range(40):
            page.do("new Promise(done => setTimeout(done, 10))")  # frames are acknowledged when we listen
        found[name] = page.do("Math.max(0, ...events)")
    page.close()
    return found


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--creators", type=int, default=3000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    scored: list[tuple[Score, ScoreView]] = [(score(view, BRIEF), view) for view in reports(options.creators)]
    began = time.perf_counter()
    text = render(scored, BRIEF, About(spend=Spend(bought=options.creators, price=0.5)))
    seconds = time.perf_counter() - began
    print(f"{'creators':28}{options.creators:10,}")
    print(f"{'made in':28}{seconds:10.2f} s")
    print(f"{'size':28}{len(text.encode()) / 1e6:10.2f} MB")
    program = find()
    if program is None:
        print("There is no Chromium here, so nothing was opened.")
        sys.exit()
    with tempfile.TemporaryDirectory() as folder, Browser(program) as browser:
        path = Path(folder) / "page.html"
        path.write_text(text, "utf-8")
        usable, complete = loading(browser, path, options.repeats)
        print(f"{'the table can be used after':28}{usable:10.0f} ms")
        print(f"{'all is drawn after':28}{complete:10.0f} ms")
        for name, longest in interactions(browser, path, Path(folder)).items():
            print(f"{name:28}{longest:10.0f} ms" if longest else f"{name:28}{'under 16':>10} ms")


if __name__ == "__main__":
    main()
