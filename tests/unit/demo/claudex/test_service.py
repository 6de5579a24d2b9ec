"""Claudex really breaks with its configuration, and really recovers; time is stepped by hand."""

from __future__ import annotations

import dataclasses
import shutil
import tracemalloc
from pathlib import Path

import pytest

from tocsin.demo.claudex import config
from tocsin.demo.claudex.home import Home, write_default_config
from tocsin.demo.claudex.memory import FILE_BYTES, resident_bytes
from tocsin.demo.claudex.service import Service, running_port


@pytest.fixture
def home(tmp_path: Path) -> Home:
    place = Home(tmp_path)
    write_default_config(place)
    return place


@pytest.fixture
def service(home: Home) -> Service:
    return Service(home, config.read(home.config))


def rewrite(home: Home, old: str, new: str) -> None:
    home.config.write_text(config.DEFAULT.replace(old, new))


def value_of(service: Service, name: str) -> float:
    lines = service.answer("/metrics").text.splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))


def test_it_works_while_its_configuration_is_valid(service: Service) -> None:
    assert service.answer("/work").status == 200
    assert service.answer("/healthz").status == 200
    assert value_of(service, "claudex_up") == 1
    assert value_of(service, "claudex_config_valid") == 1
    assert value_of(service, "claudex_requests_total") == 1
    assert value_of(service, "claudex_request_errors_total") == 0


def test_a_broken_configuration_stops_requests_shows_in_the_metrics_and_is_logged(home: Home, service: Service) -> None:
    rewrite(home, "workers = 4", "workers = four")
    service.tick()
    assert service.answer("/work").status == 503
    assert service.answer("/healthz").status == 503
    assert value_of(service, "claudex_config_valid") == 0
    assert value_of(service, "claudex_request_errors_total") == 1
    assert f"ERROR hook config-check failed: {home.config}:" in home.hooks_log.read_text()


def test_the_same_fault_is_logged_once_not_at_every_look(home: Home, service: Service) -> None:
    rewrite(home, "workers = 4", "workers = four")
    for _ in range(3):
        service.tick()
    assert home.hooks_log.read_text().count("ERROR") == 1


def test_the_backup_puts_it_right(home: Home, service: Service) -> None:
    home.config.write_text("broken")
    service.tick()
    shutil.copy(home.backup, home.config)
    service.tick()
    assert service.answer("/work").status == 200
    assert value_of(service, "claudex_config_valid") == 1
    assert "valid again" in home.log.read_text()


def test_a_removed_configuration_is_a_broken_one(home: Home, service: Service) -> None:
    home.config.unlink()
    service.tick()
    assert "claudex --init" in service.answer("/work").text


def test_max_files_takes_real_memory_until_it_is_lowered(home: Home, service: Service) -> None:
    before = resident_bytes()
    tracemalloc.start()
    rewrite(home, "max_files = 128", "max_files = 1000")
    for _ in range(5):
        service.tick()
    taken, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert value_of(service, "claudex_open_files") == 1000
    assert taken > 850 * FILE_BYTES, "what it holds is exact"
    # What earlier tests let go of is resident already and used again, so of a growing process this sees only a part.
    assert resident_bytes() - before > 450 * FILE_BYTES
    rewrite(home, "max_files = 128", "max_files = 10")
    service.tick()
    assert value_of(service, "claudex_open_files") == 10


def test_clearing_the_caches_empties_them_and_lets_the_memory_go_for_a_while(home: Home, service: Service) -> None:
    rewrite(home, "max_files = 128", "max_files = 700")
    for _ in range(3):
        service.tick()
    assert service.memory()["open_files"] == 700
    assert service.memory()["cache_entries"] == 32
    for cache in home.caches:
        shutil.rmtree(cache)
    assert service.answer("/work").status == 200, "a request in between must not stumble"
    service.tick()
    assert service.memory()["open_files"] == 256
    assert service.memory()["cache_entries"] == 1


def test_every_request_reads_the_whole_cache_so_its_size_is_what_makes_it_slow(home: Home) -> None:
    settings = config.read(home.config)
    small = Service(home, dataclasses.replace(settings, cache_mb=1))
    assert small.memory()["cache_entries"] == 4
    large = Service(home, dataclasses.replace(settings, cache_mb=3))
    assert large.memory()["cache_entries"] == 12
    next(iter(home.caches[0].glob("*.entry"))).write_bytes(b"damaged")
    assert large.answer("/work").status == 200


def test_an_unknown_path_says_which_exist(service: Service) -> None:
    answer = service.answer("/nothing")
    assert answer.status == 404
    assert "/work" in answer.text


def test_metrics_have_no_duplicate_descriptions(service: Service) -> None:
    described = [line for line in service.answer("/metrics").text.splitlines() if line.startswith("# TYPE")]
    assert len(described) == len(set(described)) == 10


def test_nothing_runs_where_nothing_was_started(home: Home) -> None:
    assert running_port(home) is None
    home.running.write_text("not json")
    assert running_port(home) is None
