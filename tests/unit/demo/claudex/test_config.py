"""Claudex says where its configuration is wrong, all faults at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.demo.claudex import config


def faults_of(text: str) -> list[str]:
    with pytest.raises(config.ConfigError) as raised:
        config.parse(text, "config.toml")
    return raised.value.faults


def test_the_default_is_valid() -> None:
    assert config.parse(config.DEFAULT, "config.toml") == config.Config(8765, 4, 128, 8)


def test_a_value_out_of_range_is_named_with_its_line_and_what_would_be_right() -> None:
    broken = config.DEFAULT.replace("workers = 4", "workers = 65")
    line = broken.splitlines().index("workers = 65") + 1
    assert faults_of(broken) == [f"config.toml:{line}: workers is 65; it must be a whole number from 1 to 64"]


@pytest.mark.parametrize("value", ["true", "'4'", "4.0", "[4]", "0", "-1"])
def test_only_a_whole_number_in_range_will_do(value: str) -> None:
    (fault,) = faults_of(config.DEFAULT.replace("workers = 4", f"workers = {value}"))
    assert "it must be a whole number from 1 to 64" in fault


def test_all_faults_are_told_at_once() -> None:
    faults = faults_of("port = 1\nworkers = 0\nmax_file = 3\ncache_mb = 1\n[extra.part]\n")
    assert faults == [
        "config.toml:3: max_file is not a setting; the settings are port, workers, max_files, cache_mb",
        "config.toml:5: extra is not a setting; the settings are port, workers, max_files, cache_mb",
        "config.toml:2: workers is 0; it must be a whole number from 1 to 64",
        "config.toml:1: max_files is missing; it must be a whole number from 1 to 100000",
    ]


@pytest.mark.parametrize(
    ("text", "line"), [("port = 1\nworkers = = 2\n", 2), ('port = "', 1), ("port = 1\nport = 2\n", 2)]
)
def test_what_is_not_toml_is_named_with_its_line(text: str, line: int) -> None:
    (fault,) = faults_of(text)
    assert fault.startswith(f"config.toml:{line}: not valid TOML: ")
    assert "column" not in fault


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(config.ConfigError, match=r"config\.toml:1: there is no configuration.*claudex --init"):
        config.read(tmp_path / "config.toml")


def test_a_file_that_is_not_text_is_a_fault_not_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(config.ConfigError, match="cannot be read"):
        config.read(path)
