"""Build the wheel and the sdist into a folder, look into both, and try each in an environment that has nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = "walee_async"
LICENCES = {"licenses/LICENSE", "licenses/walee_async/page/vendor/LICENSES.txt"}
TRIED = ["tests/test_project.py", "tests/test_architecture.py", "tests/test_openapi.py", "tests/test_examples.py"]
"""Tests that read what is beside the package: the documentation, the examples, the checks."""


def build(folder: Path) -> tuple[Path, Path]:
    """Build the sdist, and the wheel from it, as `pip install` of the sdist would."""
    shutil.rmtree(folder, ignore_errors=True)
    run([sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)])
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    run([sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(sdist)])
    return wheel, sdist


def look_into_wheel(wheel: Path) -> None:
    """Nothing but the package, all of it, and the licences."""
    names = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    package = {name for name in names if name.startswith(f"{PACKAGE}/")}
    beside = {name.partition("/")[2] for name in names - package if name.split("/")[0].endswith(".dist-info")}
    here = {path.relative_to(ROOT).as_posix() for path in (ROOT / PACKAGE).rglob("*") if path.is_file()}
    here = {name for name in here if "__pycache__" not in name}
    expect("the package's files", package, here)
    expect("what is beside the package", beside, {"METADATA", "WHEEL", "RECORD", "entry_points.txt"} | LICENCES)
    expect("all", {f"{PACKAGE}/py.typed", f"{PACKAGE}/page/vendor/vega.min.js"} - names, set())


def look_into_sdist(sdist: Path) -> None:
    """All that git has, so that the tests run from it."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=False, capture_output=True, text=True)
    if tracked.returncode == 0:
        expect("what git has and the sdist has not", set(tracked.stdout.splitlines()) - names, set())


def expect(what: str, found: set[str], wanted: set[str]) -> None:
    """End with what there is too much of, and what is missing."""
    if found != wanted:
        sys.exit(f"{what}: too much: {sorted(found - wanted)}; missing: {sorted(wanted - found)}")


def environment(folder: Path, *what: str) -> Path:
    """A fresh environment with something installed; returns where its programs are."""
    venv.create(folder, clear=True, with_pip=True, symlinks=os.name != "nt")
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    run([str(programs / "python"), "-m", "pip", "install", "--quiet", *what])
    return programs


def run(command: list[str], where: Path | None = None) -> None:
    """Run a program, and end with its code when it fails."""
    print("$", *command, flush=True)
    ended = subprocess.run(command, check=False, cwd=where)
    if ended.returncode:
        sys.exit(f"{Path(command[0]).name} ended with {ended.returncode}")


def main(folder: Path) -> None:
    """Build, look, try."""
    wheel, sdist = build(folder / "archives")
    look_into_wheel(wheel)
    look_into_sdist(sdist)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    for archive in (wheel, sdist):
        programs = environment(folder / "bare", str(archive))
        run([str(programs / "python"), "-W", "error", str(ROOT / ".ci" / "smoke.py")], elsewhere)
    run([str(environment(folder / "bare", f"{wheel}[cli,page]") / "walee"), "demo"], elsewhere)
    with tarfile.open(sdist) as files:
        files.extractall(elsewhere, filter="data")
    unpacked = elsewhere / sdist.name.removesuffix(".tar.gz")
    python = environment(folder / "bare", f"{unpacked}[test]") / "python"
    run([str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *TRIED], unpacked)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
