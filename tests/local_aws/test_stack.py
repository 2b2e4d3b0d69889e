"""The stack: its command line, its secrets, its network addresses, conditional writes of its S3."""

from __future__ import annotations

import http.client
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local_aws.settings import REPOSITORY, Settings
from local_aws.stack import Stack
from tests.local_aws.clusters import BUCKET, shell, start, wait_cluster
from tests.local_aws.conftest import DEV_PYTHON, local_aws

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_s3 import S3Client


def test_env_has_all_variables_of_a_client(stack: Stack, tmp_path: Any) -> None:
    exports = local_aws("env", "--state", str(stack.settings.state)).stdout
    calls = "import boto3; print(boto3.client('emr').list_clusters()['Clusters'][0]['Id'])"
    script = f'{exports}\naws s3 ls && {DEV_PYTHON} -c "{calls}"'
    path = f"{DEV_PYTHON.parent}:/usr/bin:/bin"
    answer = subprocess.run(
        ["/bin/bash", "-c", script],
        env={"PATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert BUCKET in answer.stdout
    assert "j-" in answer.stdout


def test_env_without_a_stack_is_an_error_and_makes_no_keys(tmp_path: Path) -> None:
    answer = local_aws("env", "--state", str(tmp_path / "absent"), check=False)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "absent: expected the state folder of a stack, found none" in answer.stderr
    assert not (tmp_path / "absent").exists()


def test_up_with_other_settings_while_the_stack_is_up(stack: Stack) -> None:
    answer = local_aws("up", "--state", str(stack.settings.state), "--cores", "1", check=False)
    assert answer.returncode == 1
    assert "already up with other settings; run `down` first" in answer.stderr


def test_status_and_logs(stack: Stack, emr: EMRClient) -> None:
    cluster_id = start(emr, "in the table", shell("echo", "echo output of the step"))
    wait_cluster(emr, cluster_id)
    table = local_aws("status", "--state", str(stack.settings.state)).stdout
    [line] = [line for line in table.splitlines() if line.startswith(cluster_id)]
    assert "TERMINATED" in line
    assert "1/1 steps" in line
    assert "in the table" in line
    assert "output of the step" in local_aws("logs", cluster_id, "--state", str(stack.settings.state)).stdout
    missing = local_aws("logs", "j-NOPE", "--state", str(stack.settings.state), check=False)
    assert missing.returncode == 1
    assert "j-NOPE" in missing.stderr


def test_status_for_a_reader_that_closes_the_pipe(stack: Stack) -> None:
    command = [str(DEV_PYTHON), "-m", "local_aws", "status", "--state", str(stack.settings.state)]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""


def test_jars_prints_nothing_when_they_exist(stack: Stack) -> None:
    assert local_aws("jars").stdout == ""


def test_java_prints_a_java_home(stack: Stack) -> None:
    home = local_aws("java").stdout.strip()
    subprocess.run([f"{home}/bin/java", "-version"], check=True, capture_output=True)


def test_only_their_owner_can_read_secrets(stack: Stack) -> None:
    for name in ("credentials.json", "s3.json"):
        assert stat.S_IMODE((stack.settings.state / name).stat().st_mode) == 0o600
    secret = stack.environment()["AWS_SECRET_ACCESS_KEY"]
    for server in stack.status().values():
        for part in ("cmdline", "environ"):
            assert secret.encode() not in Path(f"/proc/{server['pid']}/{part}").read_bytes()


def test_only_loopback_listens(stack: Stack) -> None:
    """Every listening socket of both servers is bound to 127.0.0.1."""
    pids = {server["pid"] for server in stack.status().values()}
    found = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip("ss is not on this machine")
    addresses = [line.split()[3] for line in found.stdout.splitlines() if any(f"pid={pid}," in line for pid in pids)]
    assert len(addresses) >= 9
    assert [address for address in addresses if not address.startswith("127.0.0.1:")] == []


@pytest.mark.parametrize(
    ("key", "secret", "code"),
    [
        ("AKIAUNKNOWN", "whatever", "UnrecognizedClientException"),
        (None, "wrong secret", "InvalidSignatureException"),
    ],
)
def test_emr_rejects_other_credentials(stack: Stack, key: str | None, secret: str, code: str) -> None:
    """The server runs commands, but not for a page in a browser or for another user."""
    client = boto3.client(
        "emr",
        endpoint_url=stack.settings.emr_endpoint,
        region_name="eu-west-3",
        aws_access_key_id=key or stack.environment()["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=secret,
    )
    with pytest.raises(ClientError) as error:
        client.list_clusters()
    assert error.value.response["Error"]["Code"] == code


def test_emr_rejects_an_unsigned_request(stack: Stack) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", stack.settings.emr_port)
    connection.request("POST", "/", b"{}", {"X-Amz-Target": "ElasticMapReduce.ListClusters"})
    answer = connection.getresponse()
    assert answer.status == 400
    assert b"MissingAuthenticationToken" in answer.read()
    connection.close()


def test_s3_has_the_conditional_writes_of_a_publication(s3: S3Client) -> None:
    first = s3.put_object(Bucket=BUCKET, Key="published.json", Body=b"1", IfNoneMatch="*")["ETag"]
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=BUCKET, Key="published.json", Body=b"2", IfNoneMatch="*")
    second = s3.put_object(Bucket=BUCKET, Key="published.json", Body=b"2", IfMatch=first)["ETag"]
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=BUCKET, Key="published.json", Body=b"3", IfMatch=first)
    assert s3.head_object(Bucket=BUCKET, Key="published.json")["ETag"] == second


def test_missing_bucket_is_an_error(s3: S3Client) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.put_object(Bucket="never-created", Key="k", Body=b"")
    assert "never-created" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"s3_port": 80},
        {"s3_port": 65_535},
        {"emr_port": 8335},
        {"cores": -1},
        {"enforce": "My.Bucket"},
        {"session_s": 0},
        {"emr_port": 8331, "enforce": "orchard"},  # the gateway has the next three ports
    ],
)
def test_invalid_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings(**wrong)
