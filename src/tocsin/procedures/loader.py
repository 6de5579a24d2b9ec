"""Reads a procedures directory, judges it as a whole, and gives the procedures or every fault at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from tocsin.domain.errors import ProceduresError
from tocsin.domain.procedures import Procedures
from tocsin.procedures.compiled import Document, compile_document, seal
from tocsin.procedures.faults import Fault, faults_in
from tocsin.procedures.people_file import PeopleFile
from tocsin.procedures.procedures_file import ProceduresFile
from tocsin.procedures.reading import UnreadableError, place_in, read_tree
from tocsin.procedures.references import dangling, placeholders
from tocsin.procedures.services_file import ServicesFile
from tocsin.procedures.site_file import SiteFile
from tocsin.procedures.tree import Node, Place, plain

FILES: Final[Mapping[str, type[BaseModel]]] = {
    "procedures.yaml": ProceduresFile,
    "services.yaml": ServicesFile,
    "people.yaml": PeopleFile,
    "site.yaml": SiteFile,
}
"""The files of a procedures directory; everything else in it (runbooks, templates) is left alone here."""

LARGEST: Final = 1_000_000
"""Bytes a file may have; the packs' largest has about ten thousand."""


def load(directory: Path) -> Procedures:
    """Read, judge and compile a procedures directory.

    Args:
        directory: where procedures.yaml, services.yaml, people.yaml and site.yaml are.

    Raises:
        ProceduresError: with every fault there is, each "file:line:column: what is wrong; what would be right".
    """
    sealed = document(directory)
    return compile_document(sealed.data, sealed.version)


def document(directory: Path) -> Document:
    """Read and judge a procedures directory, and bring it into the form it is stored in.

    Args:
        directory: where procedures.yaml, services.yaml, people.yaml and site.yaml are.

    Returns:
        The normalised contents, every default filled in, with their version.

    Raises:
        ProceduresError: with every fault there is, in the order of files and lines.
    """
    if not directory.is_dir():
        raise ProceduresError([f"{directory}:1:1: there is no such directory; `tocsin init` lays one out"])
    faults: list[Fault] = []
    trees: dict[str, Node] = {}
    contents: dict[str, dict[str, Any]] = {}
    for name, model in FILES.items():
        tree = _tree(directory / name, faults)
        if tree is not None:
            trees[name] = tree
            contents[name.removesuffix(".yaml")] = _normal(name, tree, model, faults)
    unfilled = list(placeholders(trees))
    places = {(fault.file, fault.place) for fault in unfilled}
    faults = unfilled + [fault for fault in [*faults, *dangling(trees)] if (fault.file, fault.place) not in places]
    if faults:
        order = list(FILES)
        ordered = sorted(set(faults), key=lambda fault: (order.index(fault.file), fault.place, fault.message))
        raise ProceduresError(map(str, ordered))
    return seal(contents)


def _normal(name: str, tree: Node, model: type[BaseModel], faults: list[Fault]) -> dict[str, Any]:
    """A file's contents with every default filled in; empty, and faults, when they are not valid."""
    try:
        valid = model.model_validate(plain(tree))
    except ValidationError as error:
        faults += faults_in(name, tree, model, error)
        return {}
    return valid.model_dump(mode="json", by_alias=True)


def _tree(path: Path, faults: list[Fault]) -> Node | None:
    text = _text(path, faults)
    if text is None:
        return None
    try:
        tree, problems = read_tree(text)
    except UnreadableError as error:
        faults.append(Fault(path.name, error.place, error.message))
        return None
    faults += (Fault(path.name, place, message) for place, message in problems)
    return tree


def _text(path: Path, faults: list[Fault]) -> str | None:
    """The file's text; None, and a fault, when there is none to be had."""
    try:
        content = _content(path)
    except OSError as error:
        faults.append(Fault(path.name, Place(), f"the file cannot be read ({error.strerror})"))
        return None
    except ValueError as error:
        faults.append(Fault(path.name, Place(), str(error)))
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", "replace")
        place = place_in(before, len(before))
        faults.append(Fault(path.name, place, "this is not UTF-8; save the file as UTF-8 text"))
        return None


def _content(path: Path) -> bytes:
    if not path.exists():
        raise ValueError("the file is missing; copy it from a pack and make it yours")
    if not path.is_file():
        raise ValueError("this is not a file; a YAML file of this name is needed")
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"the file is larger than {LARGEST // 1_000_000} MB; procedures are a few kB")
    return content
