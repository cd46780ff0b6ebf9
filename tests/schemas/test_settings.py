"""Settings from the environment: read, refused with one helpful line, described without secrets."""

import os
import re
from typing import Annotated

import pytest
from pydantic import Field, model_validator

from retrain.settings import RetrainSettings
from schemas.errors import UsageError
from schemas.item_event import DEFAULT_EVENT_TYPE_MAP
from schemas.redis_address import ALLOWED
from schemas.setting_types import parse_event_type_map
from schemas.settings import SharedSettings, read_settings, unknown_variables
from schemas.settings_table import describe_settings, settings_markdown, settings_table
from streams.settings import LookupSettings, WorkerSettings


class OneProgram(SharedSettings):
    """A program's settings."""

    size: Annotated[int, Field(ge=1)] = Field(5, description="how many")
    strict: bool = Field(True, description="whether it is")
    low: int = Field(0, description="lower bound")
    high: int = Field(9, description="upper bound")

    @model_validator(mode="after")
    def _in_order(self) -> "OneProgram":
        if self.low > self.high:
            raise ValueError(f"MILLRACE_LOW={self.low} is above MILLRACE_HIGH={self.high}; swap them")
        return self


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MILLRACE_")]:
        monkeypatch.delenv(name)


def refusal(**variables: str) -> str:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(f"MILLRACE_{name}", value)
        with pytest.raises(UsageError) as refused:
            read_settings(OneProgram)
    return str(refused.value)


def test_defaults_need_no_variable() -> None:
    settings = read_settings(OneProgram)
    assert (settings.size, settings.event_topics, settings.event_type_map) == (
        5,
        ["events"],
        DEFAULT_EVENT_TYPE_MAP,
    )


def test_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_SIZE", "7")
    monkeypatch.setenv("MILLRACE_EVENT_TOPICS", "views, carts ,,purchases")
    monkeypatch.setenv("MILLRACE_EVENT_TYPE_MAP", "like=cart, order=view,")
    settings = read_settings(OneProgram)
    assert settings.size == 7
    assert settings.event_topics == ["views", "carts", "purchases"]
    assert settings.event_type_map == {**DEFAULT_EVENT_TYPE_MAP, "like": "cart", "order": "view"}


def test_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_ARCHIVE", "")
    monkeypatch.setenv("MILLRACE_RETRAIN_SCHEDULE", "")
    monkeypatch.setenv("MILLRACE_EXCLUDE_EVENT_TYPES", "")
    settings = read_settings(RetrainSettings)
    assert (settings.archive, settings.retrain_schedule) == (None, "")
    assert read_settings(WorkerSettings).exclude_event_types == []


def test_command_line_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_SIZE", "7")
    assert read_settings(OneProgram, size=8, log_level=None).size == 8
    assert read_settings(OneProgram, event_type_map="like=view").event_type_map["like"] == "view"


@pytest.mark.parametrize("servers", ["kafka", "kafka:9092", "a:1, b:2,", "[::1]:9092", "10.0.0.1:9092"])
def test_broker_addresses_are_taken_as_they_are(servers: str) -> None:
    assert read_settings(OneProgram, kafka_bootstrap_servers=servers).kafka_bootstrap_servers == servers


@pytest.mark.parametrize("url", ["redis://h", "redis+sentinel://h/main"])
def test_redis_addresses_are_taken_as_they_are(url: str) -> None:
    assert read_settings(OneProgram, redis_url=url).redis_url == url


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("SIZE", "0", "MILLRACE_SIZE=0: input should be greater than or equal to 1"),
        (
            "SIZE",
            "many",
            "MILLRACE_SIZE=many: input should be a valid integer, unable to parse string as an integer",
        ),
        (
            "LOG_LEVEL",
            "loud",
            "MILLRACE_LOG_LEVEL=loud: input should be 'debug', 'info', 'warning' or 'error'",
        ),
        (
            "EVENT_TYPE_MAP",
            "like=love",
            (
                "MILLRACE_EVENT_TYPE_MAP=like=love: like=love: map to one of view, cart, purchase or erase, "
                "as in addtocart=cart,order=purchase"
            ),
        ),
        (
            "EVENT_TYPE_MAP",
            "like",
            (
                "MILLRACE_EVENT_TYPE_MAP=like: like=: map to one of view, cart, purchase or erase, "
                "as in addtocart=cart,order=purchase"
            ),
        ),
        (
            "KAFKA_BOOTSTRAP_SERVERS",
            "kafka:x",
            (
                "MILLRACE_KAFKA_BOOTSTRAP_SERVERS=kafka:x: give host:port, comma-separated, "
                "as in kafka-1:9092,kafka-2:9092"
            ),
        ),
        (
            "KAFKA_BOOTSTRAP_SERVERS",
            "kafka://shop:hunter2@kafka:9092",
            (
                "MILLRACE_KAFKA_BOOTSTRAP_SERVERS=(hidden): give host:port, comma-separated, "
                "as in kafka-1:9092,kafka-2:9092"
            ),
        ),
        (
            "REDIS_URL",
            "http://:hunter2@redis",
            f"MILLRACE_REDIS_URL=(hidden): {ALLOWED}",
        ),
        (
            "REDIS_URL",
            "redis://redis:port",
            f"MILLRACE_REDIS_URL=(hidden): {ALLOWED}",
        ),
        (
            "RELEASES",
            "sftp://shop:hunter2@store/releases",
            (
                "MILLRACE_RELEASES=(hidden): it is shown and logged, so leave user and password out of the "
                "URL; give them by the settings of the store's fsspec driver"
            ),
        ),
        (
            "RELEASES",
            "",
            "MILLRACE_RELEASES=: it is empty; give a value, or leave the variable out for releases",
        ),
        (
            "ITEMS_TOPIC",
            "all items",
            "MILLRACE_ITEMS_TOPIC=all items: string should match pattern '^[a-zA-Z0-9._-]{1,249}$'",
        ),
        (
            "EVENT_TOPICS",
            "views,recommendations",
            "topic 'recommendations' has two uses; give each its own name: MILLRACE_…_TOPIC",
        ),
        (
            "KAFKA_SECURITY_PROTOCOL",
            "SASL_SSL",
            (
                "MILLRACE_KAFKA_SECURITY_PROTOCOL=SASL_SSL needs MILLRACE_KAFKA_SASL_USERNAME "
                "and MILLRACE_KAFKA_SASL_PASSWORD"
            ),
        ),
    ],
)
def test_wrong_value_gives_one_line_with_variable_value_and_remedy(
    variable: str, value: str, line: str
) -> None:
    assert refusal(**{variable: value}) == line


def test_values_that_contradict_each_other_are_named() -> None:
    assert refusal(LOW="5", HIGH="3") == "MILLRACE_LOW=5 is above MILLRACE_HIGH=3; swap them"


def test_no_event_topic_is_refused() -> None:
    assert refusal(EVENT_TOPICS=" , ").startswith("MILLRACE_EVENT_TOPICS=[]: ")


def test_secret_is_not_in_a_refusal() -> None:
    line = refusal(KAFKA_SASL_PASSWORD="hunter2", KAFKA_SECURITY_PROTOCOL="SASL_PLAINTEXT")
    assert "hunter2" not in line
    assert "hunter2" not in repr(read_settings(OneProgram, kafka_sasl_password="hunter2"))


def test_event_type_map_in_code_is_taken_as_it_is() -> None:
    assert parse_event_type_map({"like": "cart"}) == {"like": "cart"}
    assert SharedSettings(event_topics=["a"]).event_topics == ["a"]


def test_unknown_variable_is_reported_with_the_nearest_name() -> None:
    environment = {
        "MILLRACE_SIZZE": "1",
        "MILLRACE_SIZE": "1",
        "MILLRACE_TEST_KAFKA": "embedded",
        "MILLRACE_ZZZZZZZZZZZ": "",
        "PATH": "/bin",
    }
    assert unknown_variables([SharedSettings, OneProgram], environment) == [
        "MILLRACE_SIZZE is no setting of Millrace; did you mean MILLRACE_SIZE?",
        "MILLRACE_ZZZZZZZZZZZ is no setting of Millrace",
    ]
    assert unknown_variables([OneProgram]) == []


def test_markdown_table_has_every_setting_once() -> None:
    described = describe_settings({"one": OneProgram, "other": OneProgram}, {})
    lines = settings_markdown(described).splitlines()
    assert lines[:2] == ["| variable | read by | default | meaning |", "|---|---|---|---|"]
    assert "| `MILLRACE_SIZE` | one, other | `5` | how many |" in lines
    assert "| `MILLRACE_STRICT` | one, other | `true` | whether it is |" in lines
    assert "| `MILLRACE_KAFKA_SASL_USERNAME` | all | | SASL user name |" in lines
    variables = [line.split("`")[1] for line in lines[2:]]
    assert len(variables) == len(set(variables)) == len(OneProgram.model_fields)


def test_every_shared_setting_has_a_meaning() -> None:
    assert [one.variable for one in describe_settings({}, {}) if not one.meaning] == []


def test_every_password_and_key_is_a_secret() -> None:
    programs = [SharedSettings, WorkerSettings, LookupSettings]
    fields = {name: field for program in programs for name, field in program.model_fields.items()}
    named = {name for name in fields if re.search("password|_keys$|redis_url", name)}
    assert named == {
        "kafka_sasl_password",
        "redis_sentinel_password",
        "redis_url",
        "lookup_api_keys",
        "lookup_admin_keys",
    }
    assert {name for name, field in fields.items() if not field.repr} == named


def test_table_shows_what_is_set_but_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    environment = {
        "MILLRACE_KAFKA_SASL_PASSWORD": "hunter2",
        "MILLRACE_REDIS_URL": "redis://:hunter3@redis/0",
        "MILLRACE_RELEASES": "/srv/[releases]",
        "MILLRACE_RELEASES_TOPIC": "sftp://shop:hunter4@store/releases",
    }
    settings_table(describe_settings({"one": OneProgram}, environment), [])
    printed = capsys.readouterr().out
    assert "hunter" not in printed
    assert printed.count("(hidden)") == 3
    assert "/srv/[releases]" in printed
