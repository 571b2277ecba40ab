"""Bring in the JavaScript that pages are made with, from the npm registry, and check that it is what it was.

A folder of such files has a `manifest.json`: the packages with their versions and the hashes of their archives, and of
each file where it is from, what was done to it and its hash. Without options everything is fetched anew with `npm pack`
and compared; nothing is written. With `--write` the files, the licences and the hashes are written for the versions
that the manifest names: to take a new version, change it there, run this, read the licences, and commit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tarfile
from base64 import b64encode
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parent.parent
FOLDERS = (ROOT / "walee_async/page/vendor", ROOT / "tests/page/axe")
LICENCES = "LICENSES.txt"


def without_map(text: str) -> str:
    """The text without the comment that names a source map, which a browser would look for."""
    return re.sub(r"\n//# sourceMappingURL=\S+\s*$", "\n", text)


def as_script(text: str) -> str:
    """An ES module that imports from vega-util as a plain script: Vega's own bundle has the same functions."""
    text = re.sub(r"^import (\{[^}]*\}) from 'vega-util';$", r"const \1 = vega;", text, flags=re.MULTILINE)
    text = re.sub(r"^export \{ (\w+) as (\w+) \};$", r"vega.\2 = \1;", text, flags=re.MULTILINE)
    return f"(() => {{\n{text.strip()}\n}})();\n"


STEPS = {"without_map": without_map, "as_script": as_script}


def pack(name: str, version: str, folder: Path) -> bytes:
    """The archive of a package, as npm fetches it."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{name}@{version}"]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    return (folder / said.stdout.split()[-1]).read_bytes()


def integrity(archive: bytes) -> str:
    """The hash of an archive as npm writes it."""
    return f"sha512-{b64encode(hashlib.sha512(archive).digest()).decode()}"


def licence_of(archive: Path) -> str:
    """The text of a package's licence."""
    with tarfile.open(archive) as tar:
        names = [name for name in tar.getnames() if re.fullmatch(r"package/licen[cs]e(\.\w+)?", name, re.IGNORECASE)]
        file = tar.extractfile(names[0])
        assert file is not None
        return file.read().decode().replace("\r\n", "\n").strip()


def licences(archives: dict[str, Path]) -> str:
    """Every licence once, below the packages it is of."""
    texts: dict[str, list[str]] = {}
    for name, archive in archives.items():
        texts.setdefault(licence_of(archive), []).append(name)
    return "\n\n".join(f"== {', '.join(names)}\n\n{text}" for text, names in texts.items()) + "\n"


def build(manifest: dict[str, Any], scratch: Path) -> dict[str, str]:
    """The files of a folder by name; the hashes of the archives are put into the manifest, those of the files too."""
    archives: dict[str, Path] = {}
    for name, about in manifest["packages"].items():
        archive = pack(name, about["version"], scratch)
        archives[name] = scratch / f"{name}.tgz"
        archives[name].write_bytes(archive)
        about["integrity"] = integrity(archive)
    made = {LICENCES: licences(archives)}
    for target, about in manifest["files"].items():
        with tarfile.open(archives[about["package"]]) as tar:
            file = tar.extractfile(f"package/{about['path']}")
            assert file is not None
            text = file.read().decode()
        for step in about.get("steps", []):
            text = STEPS[step](text)
        about["sha256"] = hashlib.sha256(text.encode()).hexdigest()
        made[target] = text
    return made


def vendor(folder: Path, *, write: bool) -> list[str]:
    """Fetch what a folder holds; return what differs from what is there."""
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    with TemporaryDirectory() as scratch:
        made = build(manifest, Path(scratch))
    made["manifest.json"] = json.dumps(manifest, indent=2) + "\n"
    paths = {folder / name: text.encode() for name, text in made.items()}
    differing = [path for path, data in paths.items() if not path.exists() or path.read_bytes() != data]
    if write:
        for path in differing:
            path.write_bytes(paths[path])
    return [str(path.relative_to(ROOT)) for path in differing]


def main() -> int:
    """Check or write every folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write what differs")
    options = parser.parse_args()
    differing = [name for folder in FOLDERS for name in vendor(folder, write=options.write)]
    for name in differing:
        sys.stdout.write(f"{name} {'is written' if options.write else 'is not what the registry has'}\n")
    sys.stdout.write(f"{len(FOLDERS)} folders, {len(differing)} files that differ\n")
    return 1 if differing and not options.write else 0


if __name__ == "__main__":
    sys.exit(main())
