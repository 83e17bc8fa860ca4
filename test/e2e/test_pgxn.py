"""META.json by the rules of the PGXN meta specification 1.0, and the distribution that it describes."""
import json
import os
import re
import subprocess
import zipfile

import pytest

from harness.paths import TOP

SEMVER = r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"
REQUIRED = {"name", "version", "abstract", "maintainer", "license", "provides", "meta-spec"}
OPTIONAL = {"description", "generated_by", "tags", "no_index", "prereqs", "release_status", "resources"}
PHASES = {"configure", "build", "test", "runtime", "develop"}
RELATIONS = {"requires", "recommends", "suggests", "conflicts"}


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as file:
        return file.read()


@pytest.fixture(scope="module")
def meta():
    return json.loads(read("META.json"))


def test_the_fields_are_those_of_the_specification(meta):
    assert REQUIRED <= set(meta) <= REQUIRED | OPTIONAL
    assert re.fullmatch(r"[^\s/\\]{2,}", meta["name"])
    assert meta["abstract"] and meta["maintainer"]
    assert meta["license"] == "postgresql" and "PostgreSQL License" in read("LICENSE")
    assert re.fullmatch(r"1\.0\.\d+", meta["meta-spec"]["version"])
    assert len(meta["tags"]) == len(set(meta["tags"]))
    assert all(1 <= len(tag) <= 255 and not re.search(r"[/\\\x00-\x1f]", tag) for tag in meta["tags"])
    assert set(meta["prereqs"]) <= PHASES
    for phase in meta["prereqs"].values():
        assert set(phase) <= RELATIONS
        for wanted in phase.values():
            assert all(re.fullmatch(SEMVER, version) for version in wanted.values())
    for name, extension in meta["provides"].items():
        assert {"file", "version"} <= set(extension) <= {"file", "version", "abstract", "docfile"}
        assert os.path.exists(os.path.join(TOP, "extension", name + ".control"))


def test_it_names_one_version(meta):
    control = re.search(r"(?m)^default_version = '(.*)'", read("extension", "pg_outbox.control")).group(1)
    assert re.fullmatch(SEMVER, control)
    assert meta["version"] == control
    for extension in meta["provides"].values():
        assert extension["version"] == control
        assert extension["file"].endswith(f"--{control}.sql")


def test_the_distribution_can_be_built_without_the_tree(meta, tmp_path):
    done = subprocess.run([os.path.join(TOP, "scripts", "dist")], check=True, stdout=subprocess.PIPE, text=True)
    path = os.path.join(TOP, done.stdout.strip())
    name = f"{meta['name']}-{meta['version']}"
    assert os.path.basename(path) == name + ".zip"
    # The zip's modes, which zipfile doesn't restore.
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            assert entry.filename.startswith(name + "/")
            os.chmod(archive.extract(entry, tmp_path), entry.external_attr >> 16)
    root = tmp_path / name
    for extension in meta["provides"].values():
        assert (root / extension["file"]).exists() and (root / extension["docfile"]).exists()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}

    def installed(directory, stage):
        for command in (["make", "-s", "-C", directory], ["make", "-s", "-C", directory, "install", f"DESTDIR={stage}"]):
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  check=False)
            assert done.returncode == 0, done.stdout
            assert "warning" not in done.stdout, done.stdout
        return {os.path.relpath(os.path.join(where, each), stage): os.path.join(where, each)
                for where, _, names in os.walk(stage) for each in names}
    there = installed(str(root), str(tmp_path / "there"))
    here = installed(os.path.join(TOP, "extension"), str(tmp_path / "here"))
    assert sorted(there) == sorted(here) and len(here) >= 4
    for file in here:
        if file.endswith((".sql", ".control")):
            with open(here[file], "rb") as mine, open(there[file], "rb") as other:
                assert mine.read() == other.read(), file
