"""The catalogue of translations: nothing is missing from it, nothing in it is broken, and what runs is made from it."""

import ast
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


def made_at_once(source):
    """Lines on which a lazy text gets its values as the module is read: it is then in the language of that moment, for everybody."""
    tree = ast.parse(source)
    imports = [each for each in ast.walk(tree) if isinstance(each, ast.ImportFrom) and each.module == "django.utils.translation"]
    lazy = {name.asname or name.name for each in imports for name in each.names if name.name.endswith("_lazy")}

    def fixed(node):
        inside = node.left if isinstance(node, ast.BinOp) else node.value if isinstance(node, ast.FormattedValue) else None
        return isinstance(inside, ast.Call) and getattr(inside.func, "id", "") in lazy

    def look(node, *, of_field):
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, ast.FunctionDef | ast.Lambda) and not (of_field and getattr(inner, "name", "") == "__init__"):
                continue  # run for somebody who reads
            of_one = any(ast.unparse(base).endswith(("Field", "Input", "Filter")) for base in getattr(inner, "bases", ()))
            yield from [inner.lineno] if fixed(inner) else look(inner, of_field=of_field or of_one)

    return list(look(tree, of_field=False))


def test_no_text_gets_its_values_before_somebody_reads_it():
    ours = [path for part in ("enforcement", "enrollment", "portal") for path in (ROOT / part).rglob("*.py")]
    assert {str(path.relative_to(ROOT)): lines for path in ours if (lines := made_at_once(path.read_text(encoding="utf-8")))} == {}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('A = _("%(one)s") % {"one": 1}', [2]),
        ('class A(forms.CharField):\n def __init__(self):\n  self.help = _("%s") % 1', [4]),
        ('class A(forms.Form):\n b = Field(label=f"{_(1)}:")', [3]),
        ('def view():\n return _("%s") % 1', []),
        ('class A(forms.Form):\n def __init__(self):\n  self.help = _("%s") % 1', []),
        ('A = _("one")', []),
    ],
)
def test_a_text_that_is_made_too_early_is_found(text, lines):
    assert made_at_once("from django.utils.translation import gettext_lazy as _\n" + text) == lines
