"""Who is paged in the storm: services with a person of their own at levels 1 and 2; mail for everybody."""

from __future__ import annotations

from ruamel.yaml import YAML

from tocsin.demo.children import ChildError
from tocsin.demo.tocsin_server import Home


def service(number: int) -> str:
    """The label of one service."""
    return f"app-{number:02d}"


def address(number: int) -> str:
    """Where the first person of a service gets mail."""
    return f"{service(number)}-first@example.org"


def staff(home: Home, services: int) -> None:
    """Rewrite services and people of a home that is not being served, and apply them.

    Raises:
        ChildError: the procedures were not accepted; the message carries why.
    """
    yaml, folder = YAML(), home.path / "procedures"
    people = yaml.load(folder / "people.yaml")
    listed = yaml.load(folder / "services.yaml")
    for number in range(services):
        name = service(number)
        for place in ("first", "second"):
            person = f"{name}-{place}"
            contact = {"channel": "email", "address": f"{person}@example.org"}
            people["people"][person] = {"name": person, "contacts": [contact], "rules": [{"channel": "email"}]}
            people["schedules"][person] = {"people": [person]}
        staffing = {1: [f"{name}-first"], 2: [f"{name}-second"]}
        listed["services"][name] = {"title": name, "group_by": ["alertname"], "staffing": staffing}
    yaml.dump(people, folder / "people.yaml")
    yaml.dump(listed, folder / "services.yaml")
    done = home.cli("apply")
    if done.returncode != 0:
        raise ChildError(f"tocsin apply ended with {done.returncode}.\n{done.stderr}{done.stdout}")
