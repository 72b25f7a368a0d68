"""The settings table: every row can be set by flag and variable, every rule stops the start."""

import msgspec
import pytest

from evensplit import settings
from evensplit.errors import StartError

WRONG = {
    "data": "",
    "host": "",
    "port": "65536",
    "events": "postgresql://host/db",
    "public_url": "ftp://x",
    "write_key": "es_s_12345678901",
    "secret_key": "hunter2",
    "admin_password": "too short",
    "dedup_days": "6",
    "queue_events": "999",
    "max_body_bytes": "1023",
    "max_events": "0",
    "duckdb_memory": "lots",
    "threads": "-1",
    "log_level": "loud",
}
RIGHT: dict[str, tuple[str, str | int]] = {
    "data": ("/tmp/x", "/tmp/x"),
    "host": ("0.0.0.0", "0.0.0.0"),
    "port": ("9000", 9000),
    "events": ("clickhouse://me:secret@host:8123/db", "clickhouse://me:secret@host:8123/db"),
    "public_url": ("https://stats.example.org", "https://stats.example.org"),
    "write_key": ("es_w_12345678901", "es_w_12345678901"),
    "secret_key": ("es_s_12345678901", "es_s_12345678901"),
    "admin_password": ("correct horse battery", "correct horse battery"),
    "dedup_days": ("7", 7),
    "queue_events": ("100000", 100_000),
    "max_body_bytes": ("1_048_576", 1_048_576),
    "max_events": ("5", 5),
    "duckdb_memory": ("2GB", "2GB"),
    "threads": ("2", 2),
    "log_level": ("debug", "debug"),
}
NAMES = [row.name for row in settings.TABLE]


def test_defaults_hold_without_flags_and_environment() -> None:
    assert settings.load({}, {}) == settings.Settings()
    assert settings.Settings().host == "127.0.0.1"


def test_every_setting_has_a_test_value_and_a_help() -> None:
    assert set(NAMES) == set(WRONG) == set(RIGHT)
    assert all(row.help and row.rule for row in settings.TABLE)


@pytest.mark.parametrize("name", NAMES)
def test_variable_sets_and_flag_goes_first(name: str) -> None:
    text, value = RIGHT[name]
    variable = f"EVENSPLIT_{name.upper()}"
    assert getattr(settings.load({}, {variable: text}), name) == value
    assert getattr(settings.load({name: text}, {variable: WRONG[name]}), name) == value
    assert getattr(settings.load({name: None}, {variable: text}), name) == value


@pytest.mark.parametrize("name", NAMES)
def test_wrong_value_stops_the_start_naming_value_and_rule(name: str) -> None:
    row = settings.TABLE[NAMES.index(name)]
    with pytest.raises(StartError) as by_variable:
        settings.load({}, {row.variable: WRONG[name]})
    assert row.variable in by_variable.value.message
    assert row.rule in by_variable.value.message
    if not row.secret:
        assert repr(WRONG[name]) in by_variable.value.message
    with pytest.raises(StartError, match=row.flag):
        settings.load({name: WRONG[name]}, {})


def test_a_wrong_key_is_not_shown() -> None:
    with pytest.raises(StartError) as caught:
        settings.load({"secret_key": "hunter2"}, {})
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize("text", ["", "x", "1.5", "1e3", "１２", "9" * 40])
def test_a_number_is_a_whole_number(text: str) -> None:
    with pytest.raises(StartError, match="whole number"):
        settings.load({"port": text}, {})


def test_misspelt_variables_are_found() -> None:
    assert settings.unknown_variables({"EVENSPLIT_PROT": "1", "EVENSPLIT_PORT": "1", "HOME": "/"}) == ["EVENSPLIT_PROT"]


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError):
        settings.Settings().port = 1  # type: ignore[misc]
    assert isinstance(settings.Settings(), msgspec.Struct)
