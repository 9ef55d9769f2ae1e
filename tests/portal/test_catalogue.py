"""The catalogue of translations: nothing is missing from it, nothing in it is broken, and what runs is made from it."""

import gettext
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
CATALOGUE = Path("portal/locale/de/LC_MESSAGES/django.po")
VALUE = re.compile(r"%\(\w+\)[.\d]*[sdf]|%[sd]|\{\w*[!:\w%.\-]*\}|<[^>]+>|\bLYCHGATE_\w+|\bmanage\.py \w+")


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """The catalogue as `make messages` writes it today, from the tree as it is."""
    tree = tmp_path_factory.mktemp("tree")
    for part in ("enforcement", "enrollment", "portal", "templates"):
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "manage.py", tree)
    command = [sys.executable, "manage.py", "makemessages", "--locale", "de"]
    subprocess.run(command, cwd=tree, check=True, capture_output=True, env={**os.environ, "LYCHGATE_VAR": str(tree)})
    return tree / CATALOGUE


def compiled(path, to):
    subprocess.run(["msgfmt", "--check-format", "--output-file", to, path], check=True)
    return read(to)


def read(path):
    with path.open("rb") as file:
        return {key: text for key, text in gettext.GNUTranslations(file)._catalog.items() if key}  # noqa: SLF001 - nothing else lists it


def texts_of(path, *chosen):
    command = ["msgattrib", *chosen, "--no-wrap", path]
    return re.findall(
        r'^msgid ("".*(?:\n".*)*|".+")$', subprocess.run(command, check=True, capture_output=True, text=True).stdout, re.MULTILINE
    )


def test_every_text_is_in_the_catalogue(collected):
    assert set(texts_of(collected)) ^ set(texts_of(ROOT / CATALOGUE)) == set()  # `make messages` brings it up to date


def test_every_text_has_its_german():
    assert texts_of(ROOT / CATALOGUE, "--untranslated")[1:] == []
    assert texts_of(ROOT / CATALOGUE, "--only-fuzzy")[1:] == []


def test_what_is_compiled_is_what_is_written(tmp_path):
    assert read((ROOT / CATALOGUE).with_suffix(".mo")) == compiled(ROOT / CATALOGUE, tmp_path / "django.mo")


def test_the_german_names_the_values_that_the_english_names():
    texts = read((ROOT / CATALOGUE).with_suffix(".mo"))
    singular = {key if isinstance(key, str) else key[0]: text for key, text in texts.items() if not isinstance(key, tuple) or key[1] == 0}
    assert [english for english, german in singular.items() if sorted(VALUE.findall(english)) != sorted(VALUE.findall(german))] == []
