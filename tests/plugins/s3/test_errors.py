"""Errors of S3 that a retry does not fix become a StorageError, others an UnavailableError. Both say what to do.

Few real servers deny one operation and allow another with the same credentials, so botocore's stub gives the responses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from tests.plugins.conftest import with_storage
from tests.plugins.snapshots import snapshot
from verger.changes.inventory import write_inventory
from verger.publication.commit import check_unpublished, replace
from verger.publication.model import Publication
from verger.s3 import clients
from verger.s3.errors import StorageError, UnavailableError
from verger.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

HERE = Settings.from_environment({"VERGER_BUCKET": "orchard"})


@pytest.fixture
def anyone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anyone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@pytest.fixture
def denying(anyone: None) -> Iterator[Callable[..., Any]]:
    """Return a function that makes a client whose next response is an error of an operation."""
    stubs: list[Stubber] = []

    def make(operation: str, code: str = "AccessDenied", status: int = 403) -> Any:
        client = clients.client(HERE.storage)
        stub = Stubber(client)
        stub.add_client_error(operation, code, "no such right", status)
        stub.activate()
        stubs.append(stub)
        return client

    yield make
    for stub in stubs:
        stub.assert_no_pending_responses()


def refused(request: Callable[[], Any]) -> str:
    with pytest.raises(StorageError) as caught:
        request()
    return str(caught.value)


def test_a_photo_list_that_may_not_be_read(denying: Callable[..., Any]) -> None:
    client = denying("list_objects_v2")
    assert refused(lambda: write_inventory(client, "orchard", "images/", "i.parquet")) == (
        "s3://orchard/images/: may not be listed (AccessDenied); grant s3:ListBucket there to the credentials of the "
        "Airflow connection aws_default, or correct them; message of S3: no such right"
    )


def test_an_upload_that_is_denied_names_the_object_not_the_file(denying: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1")
    client = denying("put_object")
    message = refused(lambda: client.upload_file(str(tmp_path / "file"), "orchard", "runs/r/inventory.parquet"))
    assert message.startswith("s3://orchard/runs/r/inventory.parquet: may not be written (AccessDenied); grant s3:PutO")


def test_a_publication_that_may_not_be_read_or_written(denying: Callable[..., Any]) -> None:
    reading, writing = denying("get_object"), denying("put_object")
    assert "s3://orchard/published.json: may not be read (AccessDenied); grant s3:GetObject" in refused(
        lambda: check_unpublished(reading, "orchard", "one")
    )
    assert "s3://orchard/published.json: may not be written (AccessDenied); grant s3:PutObject" in refused(
        lambda: replace(writing, "orchard", Publication(snapshot("one")), None)
    )


def test_a_response_without_a_body_is_explained(denying: Callable[..., Any]) -> None:
    client = denying("head_object", "403")
    assert "s3://orchard/a: may not be read (403)" in refused(lambda: client.head_object(Bucket="orchard", Key="a"))


@pytest.mark.parametrize(("code", "status"), [("PreconditionFailed", 412), ("ConditionalRequestConflict", 409)])
def test_other_errors_are_unchanged(code: str, status: int, denying: Callable[..., Any]) -> None:
    client = denying("put_object", code, status)
    with pytest.raises(ClientError, match=code):
        client.put_object(Bucket="orchard", Key="a", Body=b"")


def test_missing_credentials_are_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    client = clients.client(HERE.storage)
    assert refused(lambda: check_unpublished(client, "orchard", "one")) == (
        "s3://orchard/published.json: expected credentials in the Airflow connection aws_default or in the "
        "environment, found none; add them"
    )


def test_an_endpoint_without_a_server_is_explained(anyone: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)  # between the tries
    client = clients.client(HERE.storage)
    with pytest.raises(UnavailableError) as caught:
        check_unpublished(client, "orchard", "one")
    message = str(caught.value)
    assert "s3://orchard/published.json: Could not connect to the endpoint URL" in message
    assert "correct AWS_ENDPOINT_URL_S3" in message


def test_a_bucket_of_another_region_is_refused(anyone: None) -> None:
    client = clients.client(HERE.storage)
    with Stubber(client) as stub:
        stub.add_response("head_bucket", {"BucketRegion": "us-east-1"}, {"Bucket": "orchard"})
        message = refused(lambda: clients.check_region(client, HERE.storage))
    assert "s3://orchard: expected a bucket in eu-west-3 (VERGER_REGION), found it in us-east-1" in message


def test_a_bucket_of_the_right_region_or_of_none_is_accepted(settings: Settings, client: S3Client) -> None:
    clients.check_region(client, settings.storage)


def test_a_missing_bucket_is_explained_by_the_region_check(settings: Settings, client: S3Client) -> None:
    elsewhere = with_storage(settings, bucket="no-such-bucket").storage
    assert "s3://no-such-bucket: no such bucket; create it" in refused(lambda: clients.check_region(client, elsewhere))
    assert "s3://no-such-bucket: no such bucket" in refused(lambda: check_unpublished(client, "no-such-bucket", "one"))
