"""The rules of the house that no tool holds by itself; CONTRIBUTING.md says why each is there."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tools.check_links import broken_links

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "tocsin"

# Where everything is caught on purpose, as "file:function", with the reason. Each is a boundary where an error that
# nobody foresaw is turned into something a person sees; anywhere else, name the error.
ERROR_BOUNDARIES: dict[str, str] = {
    "__main__.py:guarded": "the end of the command line: a sentence and an exit code instead of a traceback",
    "application/intake.py:_keep_sound": "one alert that cannot be stored is halved down to; its siblings are kept",
    "application/intake.py:_store": "a delivery that cannot be stored is answered by itself; its neighbours are kept",
    "canary.py:_run": "whatever goes wrong with a canary is logged and shown by /readyz, and the next one flies",
    "db/sqlite.py:_one": "one piece of work in a group commit fails alone; its error is handed to whoever waits for it",
    "db/transaction.py:attempt": "one part of a batch is undone and answered by itself; it takes no other with it",
    "degraded.py:_run": "a look at the node that meets an error is logged, and the next look comes",
    "engine.py:_deliver": "whatever goes wrong in a send becomes the page's result, never a dead worker",
    "engine.py:_loop": "a loop that meets an error is logged, shown by /readyz, and goes on",
    "watching.py:_run": "whatever is written into the watched directory is shown by /readyz, and the next look comes",
    "web/edge.py:__call__": "the end of a request: problem+json with a reference into the log instead of a bare 500",
}

# What would let the outside into the core: the time, chance, the machine.
IMPURE = {
    "asyncio", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "shutil", "signal", "smtplib",
    "socket", "sqlite3", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid",
}  # fmt: skip
IMPURE_CALLS = {"now", "utcnow", "today", "open", "print", "input"}


@cache
def modules() -> dict[str, ast.Module]:
    """Each of the package's files, by its path below src/tocsin, parsed."""
    return {
        str(path.relative_to(SOURCE)): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(SOURCE.rglob("*.py"))
    }


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a thing comes from"
            yield node.module or ""


def is_broad(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        one is None or (isinstance(one, ast.Name) and one.id in {"Exception", "BaseException"}) for one in caught
    )


def broad_handlers() -> set[str]:
    """Every place that catches everything, as "file:function"."""
    found = set()
    for name, tree in modules().items():
        inside: dict[ast.AST, str] = {}
        for function in functions(tree):  # outer ones come first, so the innermost name wins
            inside.update(dict.fromkeys(ast.walk(function), function.name))
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and is_broad(node):
                found.add(f"{name}:{inside.get(node, '<module>')}")
    return found


def test_no_file_reaches_400_lines():
    lengths = {name: len((SOURCE / name).read_text(encoding="utf-8").splitlines()) for name in modules()}
    assert {name: lines for name, lines in lengths.items() if lines >= 400} == {}


def test_no_function_is_longer_than_a_screen():
    long = {
        f"{name}:{function.name}": function.end_lineno - function.lineno + 1
        for name, tree in modules().items()
        for function in functions(tree)
        if function.end_lineno is not None and function.end_lineno - function.lineno >= 60
    }
    assert long == {}


def test_no_module_is_named_for_nothing_in_particular():
    vague = re.compile(r"(^|_)(utils?|helpers?|managers?|misc|common)(_|$)")
    parts = {part for name in modules() for part in Path(name).with_suffix("").parts}
    assert [part for part in sorted(parts) if vague.search(part)] == []


def test_errors_are_caught_by_name_except_at_the_listed_boundaries():
    assert broad_handlers() == set(ERROR_BOUNDARIES)


@pytest.mark.parametrize("name", [name for name in modules() if name.startswith("domain")])
def test_the_domain_imports_the_standard_library_and_itself_only(name):
    foreign = {
        module
        for module in imports(modules()[name])
        if module.split(".")[0] not in sys.stdlib_module_names and not module.startswith("tocsin.domain")
    }
    assert foreign == set()


@pytest.mark.parametrize("name", [name for name in modules() if name.startswith("domain")])
def test_the_domain_asks_no_clock_no_chance_and_no_machine(name):
    tree = modules()[name]
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }
    assert {module for module in imports(tree) if module.split(".")[0] in IMPURE} == set()
    assert called & IMPURE_CALLS == set()


def test_nothing_is_left_unfinished():
    unfinished = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    lines = [
        f"{name}:{number}"
        for name in modules()
        for number, line in enumerate((SOURCE / name).read_text(encoding="utf-8").splitlines(), 1)
        if unfinished.search(line)
    ]
    assert lines == []


def test_links_in_the_docs_lead_somewhere():
    assert list(broken_links()) == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_lock_files_carry_versions_and_hashes_and_no_addresses(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    pinned = re.findall(r"^[a-z0-9][^\n]*==[^\n]*\\\n    --hash=sha256:", text, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE))
    assert re.findall(r"https?:|file:|--index|--find-links", text) == []
    assert len(pinned) > 20


def test_the_development_lock_holds_everything_of_the_runtime_lock_at_the_same_version():
    def pins(name):
        return set(re.findall(r"^[a-z0-9].*==\S+", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))

    assert pins("requirements.lock") <= pins("requirements-dev.lock")
