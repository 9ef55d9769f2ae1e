"""How the code may hang together, as functions that read source and return findings.

Nothing is imported or run: each check walks syntax trees, so it judges a planted tree in
a test's directory just as it judges ours. The tables that say what is allowed stand at the
top; to change the architecture, change a table, and be seen doing so.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("enforcement", "enrollment", "portal")

# Who may import whom. The longest name that fits a module decides.
ARROWS = {
    "enrollment": ("enrollment",),
    "enforcement": ("enforcement", "enrollment"),
    "enforcement.pep": ("enforcement.pep",),
    "portal": ("portal", "enforcement", "enrollment"),
}
STDLIB_ONLY = ("enforcement.pep",)  # it runs on a PEP, on the distribution's own Python
STDLIB_ONLY_VERSION = (3, 10)
NEWER_NAMES = {  # of the standard library, after 3.10
    *("asyncio.TaskGroup", "contextlib.chdir", "datetime.UTC", "enum.StrEnum", "hashlib.file_digest", "itertools.batched"),
    *("tomllib", "typing.LiteralString", "typing.Never", "typing.NotRequired", "typing.Self", "typing.Unpack"),
    *("typing.assert_never", "typing.assert_type", "typing.override", "typing.reveal_type"),
}
DEMO = "portal.demo"
DEMO_DOORS = ("portal.management.commands.demo", "portal.management.commands.demo_estate")  # the ways in, from `manage.py`

# Values in, values out: no Django, no files, no network, no processes, no clock, no chance.
PURE = (
    *("enrollment.addresses", "enrollment.cells", "enrollment.chain", "enrollment.clientconf", "enrollment.durations"),
    *("enrollment.enforced", "enrollment.history", "enrollment.keys", "enrollment.moments", "enrollment.platforms", "enrollment.policy"),
    *("enrollment.sentences", "enrollment.ssh_keys", "enrollment.targets", "enrollment.texts", "enrollment.tickets", "enrollment.values"),
    "enrollment.working",
    *("enforcement.desired", "enforcement.export"),
    *("enforcement.pep.caps", "enforcement.pep.drift", "enforcement.pep.guard", "enforcement.pep.lockdown", "enforcement.pep.nft"),
    *("enforcement.pep.plan", "enforcement.pep.ruleset", "enforcement.pep.skeleton", "enforcement.pep.state", "enforcement.pep.wg"),
)
PURE_STDLIB = {
    *("__future__", "abc", "base64", "binascii", "bisect", "collections", "contextlib", "dataclasses", "datetime", "enum", "functools"),
    *("hashlib", "heapq", "hmac", "html", "io", "ipaddress", "itertools", "json", "math", "operator", "re", "string", "struct"),
    *("textwrap", "types", "typing", "unicodedata"),
}
PURE_EXTRAS = {"enrollment.clientconf": ("qrcode",)}  # draws from what it is given
IMPURE_CALLS = {"__import__", "compile", "eval", "exec", "input", "io.open", "open", "print"}
CLOCKS = {"now", "today", "utcnow"}
TIMES = {"date", "datetime", "timezone"}

CLOCK = "enrollment.clock"  # everybody else asks it: a clock that goes back must revive nothing
OWN_CLOCKS = ("enforcement.pep", "enrollment.models.notices", "portal.demo", "portal.oidc.adapters")  # a PEP's; mail's; Django's sessions'

NEVER_IMPORTED = {"dill", "marshal", "pickle", "shelve"}
NEVER_CALLED = {
    *("asyncio.create_subprocess_shell", "eval", "exec", "os.popen", "os.system"),
    *("subprocess.getoutput", "subprocess.getstatusoutput"),
}
IMPORTERS = {"__import__", "import_module", "import_string"}

LONGEST_FILE = 300
LONGEST_FUNCTION = 50
LONGEST_DOCSTRING = 8


@dataclass(frozen=True)
class Module:
    """One file of ours: its dotted name, its source, its syntax tree."""

    name: str
    path: Path
    source: str
    tree: ast.Module

    @property
    def is_migration(self) -> bool:
        return ".migrations" in self.name


def read_modules(root: Path) -> list[Module]:
    paths = sorted(path for package in PACKAGES for path in (root / package).rglob("*.py"))
    return [_read(root, path) for path in paths]


def _read(root: Path, path: Path) -> Module:
    parts = path.relative_to(root).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    source = path.read_text(encoding="utf-8")
    return Module(name, path, source, ast.parse(source, filename=str(path)))


def is_within(name: str, *tops: str) -> bool:
    return any(name == top or name.startswith(f"{top}.") for top in tops)


def imports(module: Module, known: Iterable[str]) -> Iterator[str]:
    """Yield every module that a module imports, by whichever way, at whatever depth."""
    known = set(known)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(module, node)
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield whole if whole in known or base in PACKAGES else base
        elif isinstance(node, ast.Call) and _dotted(node.func).rpartition(".")[2] in IMPORTERS and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def _base(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    up = node.level - (module.path.name == "__init__.py")
    return ".".join([*parts[: len(parts) - up], *filter(None, [node.module])])


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return ""


def _calls(module: Module) -> Iterator[tuple[ast.Call, str]]:
    aliases = _aliases(module)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            head, dot, rest = _dotted(node.func).partition(".")
            yield node, aliases.get(head, head) + dot + rest


def _aliases(module: Module) -> dict[str, str]:
    """Return what the names that a module imports stand for: `from os import system as s` makes s os.system."""
    aliases = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            aliases |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            aliases |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return aliases


def against_the_arrows(modules: list[Module]) -> list[str]:
    names = [module.name for module in modules]
    return [
        f"{module.name} imports {target}, against the arrows"
        for module in modules
        for target in imports(module, names)
        if is_within(target, *PACKAGES) and not is_within(target, *_allowed(module.name))
    ]


def _allowed(name: str) -> tuple[str, ...]:
    fitting = [top for top in ARROWS if is_within(name, top)]
    return ARROWS[max(fitting, key=len)]


def into_the_demo(modules: list[Module]) -> list[str]:
    names = [module.name for module in modules]
    return [
        f"{module.name} imports {target}: only the demo may"
        for module in modules
        if not is_within(module.name, DEMO, *DEMO_DOORS)
        for target in imports(module, names)
        if is_within(target, DEMO)
    ]


def beyond_the_stdlib(modules: list[Module]) -> list[str]:
    findings = []
    for module in modules:
        if not is_within(module.name, *STDLIB_ONLY):
            continue
        for target in imports(module, [each.name for each in modules]):
            top = target.partition(".")[0]
            if top not in sys.stdlib_module_names and top not in PACKAGES:
                findings.append(f"{module.name} imports {target}, which no PEP has")
    return findings


def newer_than_a_pep(modules: list[Module]) -> list[str]:
    findings = []
    for module in modules:
        if not is_within(module.name, *STDLIB_ONLY):
            continue
        try:
            ast.parse(module.source, feature_version=STDLIB_ONLY_VERSION)
        except SyntaxError as error:
            findings.append(f"{module.name}, line {error.lineno}: {error.msg}")
        named = {_dotted(node) for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)}
        named |= set(_aliases(module).values()) | set(imports(module, []))
        findings += [f"{module.name} uses {name}, which Python 3.10 lacks" for name in sorted(named & NEWER_NAMES)]
    return findings


def impure(modules: list[Module]) -> list[str]:
    findings = []
    for module in modules:
        if not is_within(module.name, *PURE):
            continue
        extras = PURE_EXTRAS.get(module.name, ())
        findings += [
            f"{module.name} is pure, but imports {target}"
            for target in imports(module, [each.name for each in modules])
            if target.partition(".")[0] not in PURE_STDLIB and not is_within(target, *PURE, *extras)
        ]
        for node, name in _calls(module):
            if name in IMPURE_CALLS:
                findings.append(f"{module.name}, line {node.lineno}: pure, but calls {name}")
        findings += [f"{module.name}, line {line}: pure, but asks the clock" for line in _looks_at_clocks(module)]
    return findings


def past_the_clock(modules: list[Module]) -> list[str]:
    findings = []
    for module in modules:
        if module.is_migration or is_within(module.name, CLOCK, *OWN_CLOCKS):
            continue
        findings += [
            f"{module.name}, line {node.lineno}: asks another clock than {CLOCK}"
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Attribute) and node.attr in CLOCKS and _dotted(node.value).rpartition(".")[2] in TIMES
        ]
    return findings


def _looks_at_clocks(module: Module) -> Iterator[int]:
    called = {id(node.func) for node, _ in _calls(module)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS:
            of = _dotted(node.value).rpartition(".")[2]
            if id(node) in called or of in {"date", "datetime", "timezone"}:
                yield node.lineno


def unsafe(modules: list[Module]) -> list[str]:
    findings = []
    for module in modules:
        findings += [f"{module.name} imports {target}" for target in imports(module, []) if target.partition(".")[0] in NEVER_IMPORTED]
        for node, name in _calls(module):
            if name in NEVER_CALLED:
                findings.append(f"{module.name}, line {node.lineno}: calls {name}")
            for keyword in node.keywords:
                if keyword.arg == "shell" and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False):
                    findings.append(f"{module.name}, line {node.lineno}: a shell")
    return findings


def undocumented(modules: list[Module]) -> list[str]:
    findings = []
    for module in modules:
        if module.is_migration or not module.tree.body:
            continue
        docstring = ast.get_docstring(module.tree)
        if docstring is None:
            findings.append(f"{module.name} does not say what it is for")
        elif len(docstring.splitlines()) > LONGEST_DOCSTRING:
            findings.append(f"{module.name} says what it is for in more than {LONGEST_DOCSTRING} lines")
    return findings


def too_long(modules: list[Module]) -> list[str]:
    findings = []
    for module in modules:
        if module.is_migration:
            continue
        if len(module.source.splitlines()) > LONGEST_FILE:
            findings.append(f"{module.name} is longer than {LONGEST_FILE} lines")
        findings += [
            f"{module.name}.{node.name} is longer than {LONGEST_FUNCTION} lines"
            for node in ast.walk(module.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno >= LONGEST_FUNCTION
        ]
    return findings


CHECKS = (against_the_arrows, into_the_demo, beyond_the_stdlib, newer_than_a_pep, impure, past_the_clock, unsafe, undocumented, too_long)
