"""Settings: typed, named after their subsystem, unknown ones refused; unsafe ones never start."""

from __future__ import annotations

import os

import pytest

from gateway.server.exposure import StartError, check_exposure, trusts_user_header
from gateway.settings import SettingsError, known_names, load_settings


@pytest.fixture
def load(monkeypatch):
    def run(**values):
        for name in list(os.environ):
            if name.upper().startswith("MESHGATE_"):
                monkeypatch.delenv(name)
        for name, value in values.items():
            monkeypatch.setenv(name, str(value))
        return load_settings()

    return run


OPEN = {
    "MESHGATE_SERVER__HOST": "0.0.0.0",
    "MESHGATE_SERVER__PUBLIC_URL": "https://gw.example.org",
    "MESHGATE_SERVER__TLS_CERTIFICATE": "cert.pem",
    "MESHGATE_SERVER__TLS_KEY": "key.pem",
    "MESHGATE_IDENTITY__PASSWORD_FILE": "passwords",
    "MESHGATE_POLICY__ENGINE": "rego",
}


def without(*names, **more):
    return {name: value for name, value in OPEN.items() if name not in names} | more


def test_defaults_are_for_this_machine(load):
    settings = load()
    assert settings.server.host == "127.0.0.1"
    check_exposure(settings)
    assert trusts_user_header(settings)


def test_values_are_typed(load):
    settings = load(
        MESHGATE_SERVER__PORT="9000",
        MESHGATE_SERVER__TRUSTED_PROXIES='["10.0.0.1"]',
        MESHGATE_QUERY__IDLE_SECONDS="7.5",
        meshgate_log__level="WARNING",
    )
    assert settings.server.port == 9000
    assert settings.server.trusted_proxies == ("10.0.0.1",)
    assert settings.query.idle_seconds == 7.5
    assert settings.log.level == "WARNING"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("MESHGATE_SERVER__PROT", "MESHGATE_SERVER__PORT"),
        ("MESHGATE_POLICY_ENGINE", "MESHGATE_POLICY__ENGINE"),
        ("meshgate_identity__passwd_file", "MESHGATE_IDENTITY__PASSWORD_FILE"),
        ("MESHGATE_", "MESHGATE_LOG__LEVEL"),
    ],
)
def test_unknown_names_are_refused_and_the_nearest_is_told(load, name, nearest):
    with pytest.raises(SettingsError) as caught:
        load(**{name: "x"})
    assert name in str(caught.value)
    if name != "MESHGATE_":
        assert nearest in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MESHGATE_SERVER__PORT", "http"), ("MESHGATE_SERVER__PORT", "70000"),
        ("MESHGATE_POLICY__ENGINE", "cedar"), ("MESHGATE_QUERY__MAX_OPEN", "0"),
        ("MESHGATE_SERVER__DRAIN_SECONDS", "-1"), ("MESHGATE_LOG__LEVEL", "LOUD"),
    ],
)  # fmt: skip
def test_wrong_values_are_refused_by_name(load, name, value):
    with pytest.raises(SettingsError, match=name):
        load(**{name: value})


def test_a_refusal_shows_no_value(load):
    with pytest.raises(SettingsError) as caught:
        load(MESHGATE_SERVER__PORT="hunter2")
    assert "hunter2" not in str(caught.value)


def test_names_used_by_other_tools_are_left_alone(load):
    load(MESHGATE_DATA="/somewhere", MESHGATE_REQUIRE="java,opa")


def test_every_name_has_its_section():
    assert "MESHGATE_SERVER__PORT" in known_names()
    assert all(name.count("__") == 1 for name in known_names())


def test_a_complete_open_gateway_may_start(load):
    settings = load(**OPEN)
    check_exposure(settings)
    assert not trusts_user_header(settings)


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        (without(MESHGATE_IDENTITY__TRUST_USER_HEADER="true"), "TRUST_USER_HEADER"),
        (without("MESHGATE_IDENTITY__PASSWORD_FILE"), "PASSWORD_FILE"),
        (without("MESHGATE_SERVER__TLS_KEY"), "TLS_KEY"),
        (without("MESHGATE_SERVER__TLS_KEY", "MESHGATE_SERVER__TLS_CERTIFICATE"), "TLS_CERT"),
        (without("MESHGATE_SERVER__PUBLIC_URL"), "PUBLIC_URL"),
        (without("MESHGATE_POLICY__ENGINE"), "POLICY__ENGINE"),
        (without(MESHGATE_POLICY__ENGINE="opa"), "OPA_URL"),
        (without(MESHGATE_SERVER__HOST="::", MESHGATE_IDENTITY__TRUST_USER_HEADER="1"), "TRUST"),
    ],
)
def test_what_is_safe_here_alone_does_not_start_in_the_open(load, environment, names):
    with pytest.raises(StartError, match=names):
        check_exposure(load(**environment))


def test_a_password_file_switches_trust_off_unless_asked_for(load):
    file = {"MESHGATE_IDENTITY__PASSWORD_FILE": "passwords"}
    assert not trusts_user_header(load(**file))
    assert trusts_user_header(load(**file, MESHGATE_IDENTITY__TRUST_USER_HEADER="true"))


CLUSTER = {
    "MESHGATE_ENGINE__KIND": "trino",
    "MESHGATE_TRINO__URL": "https://trino.example.org:8443",
    "MESHGATE_TRINO__PASSWORD_FILE": "service.password",
    "MESHGATE_SERVER__INTERNAL_PORT": "8090",
}
MUTUAL = {
    "MESHGATE_SERVER__INTERNAL_HOST": "0.0.0.0",
    "MESHGATE_SERVER__INTERNAL_TLS_CERTIFICATE": "internal.pem",
    "MESHGATE_SERVER__INTERNAL_TLS_KEY": "internal.key",
    "MESHGATE_SERVER__INTERNAL_CLIENT_CA": "cluster.pem",
}


def test_a_gateway_before_a_cluster_may_start(load):
    check_exposure(load(**CLUSTER))
    check_exposure(load(**OPEN, **CLUSTER, **MUTUAL))


@pytest.mark.parametrize(
    ("missing", "changed", "names"),
    [
        ("MESHGATE_TRINO__URL", {}, "TRINO__URL"),
        ("MESHGATE_TRINO__PASSWORD_FILE", {}, "TRINO__PASSWORD_FILE"),
        ("MESHGATE_SERVER__INTERNAL_PORT", {}, "INTERNAL_PORT"),
        ("", {"MESHGATE_TRINO__SECOND_LOCK": "off"}, "SECOND_LOCK=off"),
        ("MESHGATE_SERVER__INTERNAL_CLIENT_CA", MUTUAL, "INTERNAL_CLIENT_CA"),
        ("MESHGATE_SERVER__INTERNAL_TLS_KEY", MUTUAL, "INTERNAL_TLS_KEY"),
        ("", {"MESHGATE_SERVER__INTERNAL_CLIENT_CA": "ca.pem"}, "INTERNAL_TLS_CERTIFICATE"),
    ],
)
def test_a_cluster_without_what_makes_it_safe_is_refused(load, missing, changed, names):
    settings = {**CLUSTER, **changed}
    settings.pop(missing, None)
    with pytest.raises(StartError, match=names):
        check_exposure(load(**settings))


def test_the_lock_may_be_off_for_a_trino_on_this_machine(load):
    given = {**CLUSTER, "MESHGATE_TRINO__URL": "http://127.0.0.1:8080"}
    check_exposure(load(**given, MESHGATE_TRINO__SECOND_LOCK="off"))
