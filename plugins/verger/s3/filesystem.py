"""A pyarrow file system for S3 that renews its credentials.

This module is imported inside functions, because pyarrow is large.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, NoReturn

from pyarrow.fs import FileInfo, FileSelector, FileSystemHandler, S3FileSystem  # noqa: TID253 (see above)

if TYPE_CHECKING:
    from botocore.credentials import Credentials, ReadOnlyCredentials
    from pyarrow import NativeFile


class RefreshingS3(FileSystemHandler):  # type: ignore[misc]
    """Reads S3 with the current credentials of a botocore session. Wrap it in `pyarrow.fs.PyFileSystem`.

    pyarrow's S3FileSystem keeps the keys that it is created with, also when they are temporary. botocore renews
    temporary keys before they expire. When they change, this class creates a new S3FileSystem.

    Parameters
    ----------
    credentials
        The credentials of a botocore session.
    mask
        Receives each secret before it is used, so that no log shows it.
    **options
        Other options of S3FileSystem.
    """

    def __init__(self, credentials: Credentials, mask: Callable[[str], None], **options: Any) -> None:
        self._credentials = credentials
        self._mask = mask
        self._options = options
        self._lock = Lock()
        self._keys: ReadOnlyCredentials | None = None
        self._filesystem: S3FileSystem | None = None

    def current(self) -> S3FileSystem:
        """Return an S3FileSystem with the current keys."""
        keys = self._credentials.get_frozen_credentials()
        with self._lock:
            if self._filesystem is None or keys != self._keys:
                for secret in filter(None, (keys.secret_key, keys.token)):
                    self._mask(secret)
                self._filesystem = S3FileSystem(
                    access_key=keys.access_key, secret_key=keys.secret_key, session_token=keys.token, **self._options
                )
                self._keys = keys
            return self._filesystem

    def get_type_name(self) -> str:
        """Return the name of the file system's type."""
        return "refreshing-s3"

    def normalize_path(self, path: str) -> str:
        """Return the path unchanged: keys need no normalization."""
        return path

    def get_file_info(self, paths: list[str]) -> list[FileInfo]:
        """Return the facts of each path."""
        return self.current().get_file_info(paths)  # type: ignore[no-any-return]

    def get_file_info_selector(self, selector: FileSelector) -> list[FileInfo]:
        """Return the facts of each file under a prefix."""
        return self.current().get_file_info(selector)  # type: ignore[no-any-return]

    def open_input_stream(self, path: str) -> NativeFile:
        """Open an object to read it from its beginning."""
        return self.current().open_input_stream(path)

    def open_input_file(self, path: str) -> NativeFile:
        """Open an object to read any part of it."""
        return self.current().open_input_file(path)

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise NotImplementedError("this file system only reads; write with a boto3 client")

    create_dir = move = copy_file = open_output_stream = open_append_stream = _refuse
    delete_dir = delete_dir_contents = delete_root_dir_contents = delete_file = _refuse
