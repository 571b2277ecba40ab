"""The checks of this project: `nox -l` lists them, `nox` runs them all, `nox -s tests-3.12` runs one."""

from __future__ import annotations

import os
import re
from itertools import chain
from pathlib import Path

import nox

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)

nox.needs_version = ">=2026.4"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"

# pyenv shows only its chosen versions on PATH. Its others go last, so that they add interpreters and replace none.
_pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
os.environ["PATH"] = os.pathsep.join(
    [os.environ.get("PATH", os.defpath), *map(str, sorted(_pyenv.glob("versions/3.*/bin"), reverse=True))]
)


def _group(name: str) -> tuple[str, ...]:
    return nox.project.dependency_groups(PROJECT, name)


@nox.session
def lint(session: nox.Session) -> None:
    """Look for mistakes and for formatting that differs."""
    session.install(*_group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the package, and those its users see."""
    session.install(".[cli,dask,otel,page,parquet,prometheus,redis,speed,test]", *_group("types"))
    session.run("mypy")
    # The types of the standard library say what other systems lack; what a check of theirs keeps out is unreachable.
    for system in ("win32", "darwin"):
        session.run("mypy", "--platform", system, "--no-warn-unreachable", "walee_async")
    session.run("pyright")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests against the built package, on every Python that is here."""
    session.install(".[cli,dask,otel,page,parquet,prometheus,redis,speed,test]")
    session.run("pytest", *session.posargs)


@nox.session
def long(session: nox.Session) -> None:
    """Run the tests that take longer: kills, cuts, limits, memory, the page, the docs, benchmarks, soak."""
    session.install(".[cli,dask,otel,page,parquet,prometheus,redis,speed,test]")
    session.run("pytest", "-m", "long", *session.posargs)


@nox.session
def bare(session: nox.Session) -> None:
    """Do without every extra: the library works, and the command says what it lacks."""
    session.install(".", *PROJECT["project"]["optional-dependencies"]["test"])
    session.run("python", "-c", "import walee_async; print('walee_async', walee_async.__version__)")
    said = session.run("walee", "--help", silent=True, success_codes=[2])
    if "walee-async[cli]" not in str(said) or "Traceback" in str(said):
        session.error(f"without its extra, the command should name it in one sentence; it said: {said}")
    for room, sentence in (
        ("dask", "A cluster needs Dask: pip install 'walee-async[dask]'"),
        ("redis", "Sharing through Redis needs redis: pip install 'walee-async[redis]'"),
    ):
        said = session.run("python", "-c", f"import walee_async.integrations.{room}", silent=True, success_codes=[1])
        if f"ConfigError: {sentence}" not in str(said):
            session.error(f"without its extra, the import should name it in one sentence; it said: {said}")
    session.run(
        "pytest",
        "--ignore-glob=tests/*cli*",
        "--ignore-glob=tests/*docs*",
        "--ignore-glob=tests/*parquet*",
        "--ignore-glob=tests/page/*",
        "--ignore-glob=tests/integrations/*",
        *session.posargs,
    )


@nox.session
def demo(session: nox.Session) -> None:
    """Run the demonstration."""
    session.install(".[cli,page]")
    session.run("walee", "demo")


@nox.session
def dist(session: nox.Session) -> None:
    """Build the wheel and the sdist, look into both, and try each where nothing else is installed."""
    session.install(*_group("dist"))
    folder = Path(session.create_tmp()).resolve()
    session.run("python", ".ci/dist.py", str(folder), *session.posargs)


@nox.session
def openapi(session: nox.Session) -> None:
    """Hold the test gateway against docs/openapi.json; `-- --write` makes that file anew."""
    session.install(".", *_group("openapi"))
    session.run("python", ".ci/openapi.py", *session.posargs)


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """Run the quick tests with the lowest version of everything that pyproject.toml admits."""
    extras = PROJECT["project"]["optional-dependencies"]
    declared = [*PROJECT["project"]["dependencies"], *chain.from_iterable(extras.values())]
    session.install(f".[{','.join(extras)}]", *(re.sub(r">=([\w.]+)(,[^;]*)?", r"==\1", text) for text in declared))
    session.run("pytest", *session.posargs)


@nox.session(default=False)
def audit(session: nox.Session) -> None:
    """Ask PyPI for known vulnerabilities of whatever the package and its extras bring in; needs the network."""
    # Without the package itself, which PyPI may not know; --strict, because what cannot be asked about is no good news.
    extras = PROJECT["project"]["optional-dependencies"].values()
    session.install(*PROJECT["project"]["dependencies"], *chain.from_iterable(extras), *_group("audit"))
    session.run("pip-audit", "--strict", "--progress-spinner", "off", *session.posargs)


@nox.session
def imports(session: nox.Session) -> None:
    """Print how long the import and `walee --help` take."""
    session.install(".[cli]")
    session.run("python", "benchmarks/import_time.py")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation's site into `site`, with warnings as errors, and look for dead links and remote loads."""
    session.install(".[cli]", *_group("docs"))
    session.run("python", ".ci/docs.py")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Compare the package with what others use, by CPU; minutes long. Writes bench-results."""
    session.install(".[cli,speed]", *_group("bench"))
    session.run("python", "benchmarks/summary.py", *session.posargs)


@nox.session(default=False)
def vendor(session: nox.Session) -> None:
    """Compare the JavaScript that pages are made with to what npm has; `-- --write` brings in other versions."""
    session.run("python", ".ci/vendor.py", *session.posargs)


@nox.session(default=False)
def kill(session: nox.Session) -> None:
    """Kill thirty-two runs again and again, and hold each store against the gateway's books."""
    session.install(".[cli,speed,test]")
    runs = session.posargs or ["32"]
    session.run("pytest", "-n", "0", "-m", "long", "-rP", "tests/test_killed.py", "--kill-runs", *runs)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Grow inputs against what the tests say of any input, two minutes for each target; `-- 600` takes ten.

    Needs Linux on x86-64, for which atheris has wheels. What breaks is kept in the folder that is named.
    """
    session.install(".[speed,test]", *_group("fuzz"))
    seconds = session.posargs[0] if session.posargs else "120"
    found = Path(session.create_tmp())
    for target in ("answer", "report", "body", "handle", "list"):
        corpus = found / target
        corpus.mkdir(exist_ok=True)
        limits = (f"-max_total_time={seconds}", "-max_len=120000", "-timeout=20")
        told = ("-verbosity=0", "-print_final_stats=1", f"-artifact_prefix={found}/{target}-")
        session.run("python", "tests/fuzz/harness.py", target, str(corpus), *limits, *told)


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """Fetch for an hour through faults, kills and restarts, and hold all that is kept against the gateway's books."""
    session.install(".[cli,dask,redis,speed,test]")
    session.run("python", "tests/crash/soak/soak.py", *(session.posargs or ["--minutes", "60"]))


@nox.session(python=PYTHONS[0], default=False)
def mutation(session: nox.Session) -> None:
    """Change words, rules and resources in thousands of small ways, and see which no test notices; see `-- --help`."""
    session.install("-e", ".[cli,dask,otel,page,parquet,prometheus,redis,speed,test]", *_group("mutation"))
    session.run("python", ".ci/mutation.py", *session.posargs)


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Show the lines and branches that no test reaches."""
    session.install("-e", ".[cli,dask,otel,page,parquet,prometheus,redis,speed,test]", *_group("coverage"))
    session.run("coverage", "erase")
    # Where no file may grow, neither may the one that coverage writes when a process ends.
    refused = "tests/cli/test_cli_export.py::test_a_full_disk_is_told"
    session.run("coverage", "run", "-m", "pytest", "--deselect", refused, *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--fail-under=95")
