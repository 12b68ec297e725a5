"""The workflows that build, test and release gdcore: what they name is there, and they say what they mean.

Nothing here runs on the runners they are for; .ci/run and .ci/release are what they call.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
if not FILES:
    pytest.skip("the workflows are not beside the tests", allow_module_level=True)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS = {p.stem: yaml.safe_load(p.read_text(encoding="utf-8")) for p in FILES}
JOBS = [(w, j) for w, flow in WORKFLOWS.items() for j in flow["jobs"]]
WHEELS = {  # platform and architecture, and the tags of its wheels
    ("linux", "x86_64"): {"manylinux_x86_64", "musllinux_x86_64"},
    ("linux", "aarch64"): {"manylinux_aarch64", "musllinux_aarch64"},
    ("macos", "x86_64"): {"macosx_x86_64"},
    ("macos", "arm64"): {"macosx_arm64"},
    ("windows", "AMD64"): {"win_amd64"},
}


def commands(job):
    return [step["run"] for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_follows_the_schema(path):
    pytest.importorskip("check_jsonschema")
    schema = ("--builtin-schema", "vendor.github-workflows")
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *schema, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("flow", "name"), JOBS)
def test_job(flow, name):
    """What a job runs, installs, uses and waits for exists."""
    job = WORKFLOWS[flow]["jobs"][name]
    needs = job.get("needs", [])
    assert set([needs] if isinstance(needs, str) else needs) <= set(WORKFLOWS[flow]["jobs"])
    text = "\n".join(commands(job))
    for script in re.findall(r"(?:bash |\./)(\.ci/\S+)", text):
        assert (ROOT / script).is_file(), script
    for extras in re.findall(r"\.\[([\w,]+)\]", text):
        assert set(extras.split(",")) <= set(PROJECT["project"]["optional-dependencies"])
    for step in job["steps"]:
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|release/v\d+)", step["uses"]), step["uses"]
    keys = set(job.get("strategy", {}).get("matrix", {}))
    for entry in job.get("strategy", {}).get("matrix", {}).get("include", []):
        keys |= set(entry)
    assert set(re.findall(r"\$\{\{ matrix\.(\w+) \}\}", str(job))) <= keys


@pytest.mark.parametrize("flow", WORKFLOWS)
def test_workflow_may_do_little(flow):
    assert WORKFLOWS[flow]["permissions"] == {"contents": "read"}
    triggers = WORKFLOWS[flow][True]  # YAML 1.1 reads `on` as a truth
    assert triggers


def test_only_a_tag_is_published():
    job = WORKFLOWS["release"]["jobs"]["publish"]
    assert job["if"] == "startsWith(github.ref, 'refs/tags/v')"
    assert set(job["needs"]) == set(WORKFLOWS["release"]["jobs"]) - {"publish"}
    assert job["permissions"] == {"id-token": "write"}


def test_every_system_is_tested_that_wheels_are_for():
    built = set(WORKFLOWS["release"]["jobs"]["wheels"]["strategy"]["matrix"]["os"])
    elsewhere = WORKFLOWS["ci"]["jobs"]["elsewhere"]["strategy"]["matrix"]["include"]
    assert built <= {entry["os"] for entry in elsewhere}


def test_emulated_tests_are_there():
    """`pytest -k neon` of the workflow chooses something."""
    (chosen,) = {
        word
        for run in commands(WORKFLOWS["ci"]["jobs"]["emulated-neon"])
        for word in re.findall(r"pytest -k (\w+)", run)
    }
    texts = [p.read_text(encoding="utf-8") for p in (ROOT / "tests").glob("test_*.py")]
    assert any(f'"{chosen}"' in text or f"_{chosen}" in text for text in texts)


@pytest.mark.parametrize(("platform", "arch"), WHEELS)
def test_wheels_that_are_built(platform, arch):
    """One of the stable ABI from the oldest Python on, and one without the GIL."""
    pytest.importorskip("cibuildwheel")
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=").replace(".", "")
    asked = ("--print-build-identifiers", "--platform", platform, "--archs", arch)
    done = subprocess.run(
        [sys.executable, "-m", "cibuildwheel", *asked, str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = [line.split("-") for line in done.stdout.split()]
    assert {tag for _, tag in made} == WHEELS[platform, arch]
    assert {python for python, _ in made} == {f"cp{oldest}", "cp314t"}


def test_scripts_can_be_read():
    for script in sorted((ROOT / ".ci").iterdir()):
        if script.read_bytes().startswith(b"#!"):
            done = subprocess.run(["bash", "-n", str(script)], capture_output=True, check=False)
            assert done.returncode == 0, done.stderr.decode()
