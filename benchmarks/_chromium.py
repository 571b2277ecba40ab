"""A headless Chromium that does as it is told, by the DevTools protocol over two pipes: no port, no driver, no library.

Shared by the tests of the page and its benchmark. It notes all that a page complains of and all that it asks for.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync"
    " --disable-component-update --disable-extensions --disable-dev-shm-usage --mute-audio --hide-scrollbars"
    " --force-color-profile=srgb --remote-debugging-pipe --host-resolver-rules=MAP\u00a0*\u00a0~NOTFOUND"
)
PATIENCE = 30.0
"""Seconds until an answer that does not come is a failure; a busy machine stalls."""

KEYS = {
    "Tab": (9, ""),
    "Enter": (13, "\r"),
    "Escape": (27, ""),
    "Space": (32, " "),
    "ArrowLeft": (37, ""),
    "ArrowRight": (39, ""),
}


def find() -> str | None:
    """Where Chromium is, if it is installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class BrowserError(Exception):
    """The browser, or the page in it, says that something went wrong."""


class Browser:
    """One browser process with a profile of its own, which goes when it does."""

    def __init__(self, program: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        flags = [flag.replace("\u00a0", " ") for flag in FLAGS.split(" ")]
        command = [program, *flags, f"--user-data-dir={self._folder.name}", "about:blank"]
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        # The protocol is spoken on descriptors 3 and 4; the shell puts the pipes there.
        shell = ["bash", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "bash", *command]
        self._process = subprocess.Popen(
            shell,
            pass_fds=(to_browser, from_browser),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "HOME": self._folder.name},
        )
        os.close(to_browser)
        os.close(from_browser)
        self._buffer = b""
        self._last = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self._unread: set[int] = set()
        self._pages: dict[str, Page] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End it, with all its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._write)
        os.close(self._read)
        self._folder.cleanup()

    def page(self, width: int = 1280, height: int = 900, *, dark: bool = False, downloads: Path | None = None) -> Page:
        """A new empty page of this size, in CSS pixels."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session, target)
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            page.send(f"{domain}.enable")
        page.resize(width, height)
        page.prefer(dark=dark)
        if downloads is not None:
            self.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads), eventsEnabled=True)
        return page

    def send(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Ask the browser for something and wait for its answer."""
        number = self._ask(method, session, parameters)
        end = time.monotonic() + PATIENCE
        while number not in self._answers:
            self.listen(end - time.monotonic(), method)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def tell(self, method: str, session: str, **parameters: Any) -> None:
        """Tell the browser something; what it answers does not matter."""
        self._unread.add(self._ask(method, session, parameters))

    def _ask(self, method: str, session: str | None, parameters: dict[str, Any]) -> int:
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        return self._last

    def listen(self, seconds: float, awaited: str) -> None:
        """Take in what the browser says, for so long at most."""
        ready, _, _ = select.select([self._read], [], [], max(0.0, seconds))
        data = os.read(self._read, 1 << 20) if ready else b""
        if not data:
            raise BrowserError(f"{awaited}: the browser {'went away' if ready else 'does not answer'}")
        *whole, self._buffer = (self._buffer + data).split(b"\0")
        for text in whole:
            message = json.loads(text)
            if message.get("id") in self._unread:
                self._unread.remove(message["id"])
            elif "id" in message:
                self._answers[message["id"]] = message
            elif message.get("sessionId") in self._pages:
                self._pages[message["sessionId"]].note(message["method"], message["params"])

    def forget(self, session: str) -> None:
        """A page is closed."""
        self._pages.pop(session, None)


class Page:
    """One page: `complaints` is what it said on its console, `requests` the addresses it asked for."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser = browser
        self._session = session
        self._target = target
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._loaded = False

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask this page's side of the browser for something."""
        return self._browser.send(method, self._session, **parameters)

    def note(self, method: str, told: dict[str, Any]) -> None:
        """Take note of an event."""
        match method:
            case "Runtime.exceptionThrown":
                details = told["exceptionDetails"]
                self.complaints.append(details.get("exception", {}).get("description") or details["text"])
            case "Runtime.consoleAPICalled" if told["type"] in ("error", "warning", "assert"):
                self.complaints.append(
                    " ".join(str(part.get("value", part.get("description"))) for part in told["args"])
                )
            case "Log.entryAdded" if told["entry"]["level"] in ("error", "warning"):
                self.complaints.append(told["entry"]["text"])
            case "Audits.issueAdded" if "contentSecurityPolicyIssueDetails" in told["issue"]["details"]:
                self.complaints.append(str(told["issue"]["details"]["contentSecurityPolicyIssueDetails"]))
            case "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"][:200])
            case "Page.screencastFrame":
                self._browser.tell("Page.screencastFrameAck", self._session, sessionId=told["sessionId"])
            case "Page.loadEventFired":
                self._loaded = True

    def show(self) -> None:
        """Show every frame from now on. Nobody looks at a headless page, so it leaves some of them out otherwise."""
        self.send("Page.startScreencast", format="jpeg", quality=20, maxWidth=320, everyNthFrame=1)

    def open(self, path: Path, ready: str = "document.documentElement.dataset.ready === 'yes'") -> None:
        """Load a file and wait until it is ready."""
        self._loaded = False
        self.send("Page.navigate", url=path.as_uri())
        end = time.monotonic() + PATIENCE
        while not self._loaded:
            self._browser.listen(end - time.monotonic(), f"loading {path.name}")
        self.until(ready)

    def resize(self, width: int, height: int, scale: float = 1) -> None:
        """Make the window so large."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )

    def prefer(self, *, dark: bool = False, paper: bool = False) -> None:
        """Set what the system prefers, and whether it is for paper."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", media="print" if paper else "", features=[scheme])

    def do(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for. Works under any policy of the page."""
        answer = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            raise BrowserError(answer["exceptionDetails"].get("exception", {}).get("description", script))
        return answer["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until an expression holds."""
        frames = "new Promise(done => { const look = () => (%s) ? done() : setTimeout(look, 10); look(); })"
        self.do(frames % condition)

    def settle(self) -> None:
        """Wait until the page has drawn what is due."""
        self.do("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")

    def centre(self, selector: str) -> tuple[float, float]:
        """The middle of an element, brought into sight. What scrolling sets off is over then: it hides tooltips."""
        one = f"document.querySelector({json.dumps(selector)})"
        self.do(f"{one}.scrollIntoView({{block: 'nearest'}})")
        self.settle()
        found = self.do(
            f"(box => [box.x + box.width / 2, box.y + box.height / 2])({one}.getBoundingClientRect().toJSON())"
        )
        return found[0], found[1]

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Move the mouse, or press or release it."""
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, selector: str) -> None:
        """Click in the middle of an element, as a hand does."""
        x, y = self.centre(selector)
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        self.mouse("mouseReleased", x, y, button="left", clickCount=1)
        self.settle()

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 12) -> None:
        """Press, move and release."""
        self.mouse("mouseMoved", *start)
        self.mouse("mousePressed", *start, button="left", clickCount=1)
        for step in range(1, steps + 1):
            x, y = (a + (b - a) * step / steps for a, b in zip(start, end, strict=True))
            self.mouse("mouseMoved", x, y, button="left", buttons=1)
        self.mouse("mouseReleased", *end, button="left", clickCount=1)
        self.settle()

    def press(self, key: str, shift: bool = False) -> None:
        """Press one of the named keys."""
        code, text = KEYS[key]
        told = {
            "key": " " if key == "Space" else key,
            "code": key,
            "windowsVirtualKeyCode": code,
            "modifiers": 8 * shift,
        }
        self.send("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **told)
        self.send("Input.dispatchKeyEvent", type="keyUp", **told)
        self.settle()

    def type(self, text: str) -> None:
        """Type a text, key by key."""
        for letter in text:
            self.send("Input.dispatchKeyEvent", type="keyDown", text=letter, key=letter)
            self.send("Input.dispatchKeyEvent", type="keyUp", key=letter)
        self.settle()

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Take a picture of what the window shows, or of the whole page."""
        found = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))

    def paper(self, path: Path) -> None:
        """Print to a PDF file."""
        found = self.send(
            "Page.printToPDF", printBackground=False, preferCSSPageSize=True, paperWidth=8.27, paperHeight=11.69
        )
        path.write_bytes(base64.b64decode(found["data"]))

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something outside of the page."""
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                raise BrowserError(f"{what}: it does not come")
            self.do("new Promise(done => setTimeout(done, 20))")

    def close(self) -> None:
        """Close it."""
        self._browser.send("Target.closeTarget", targetId=self._target)
        self._browser.forget(self._session)
