"""Access keys of users and temporary credentials of roles."""

from __future__ import annotations

import base64

import pytest

from local_aws.credentials import Credentials
from local_aws.iam.account import ADMINISTRATOR
from local_aws.iam.sessions import LEEWAY_S, KeyOwner, Keys, Session, TokenError

KEYS = Keys(Credentials("VRGRKEY", "secret"))
USERS = [ADMINISTRATOR, "airflow"]


def find(session: Session, token: str) -> KeyOwner | None:
    return KEYS.find(session.credentials.access_key_id, token, USERS)


def test_the_key_of_a_user_is_found() -> None:
    made = KEYS.user("airflow")
    assert KEYS.find(made.access_key_id, None, USERS) == KeyOwner("airflow", made.secret_access_key)
    assert KEYS.find("VRGRKEY", None, USERS) == KeyOwner(ADMINISTRATOR, "secret")
    assert KEYS.find(KEYS.user("other").access_key_id, None, USERS) is None


def test_a_session_is_found_until_it_ends() -> None:
    made = KEYS.session("NodeRole", "i-1", 60)
    assert find(made, made.token) == KeyOwner("NodeRole", made.credentials.secret_access_key, "i-1")
    ended = KEYS.session("NodeRole", "i-1", -LEEWAY_S)
    with pytest.raises(TokenError) as error:
        find(ended, ended.token)
    assert error.value.code == "ExpiredToken"


@pytest.mark.parametrize("wrong", ["", "no token", "none.none", "other key", "other role", "other stack"])
def test_a_session_token_that_is_not_its_own_is_refused(wrong: str) -> None:
    made = KEYS.session("NodeRole", "i-1", 60)
    content, _, mac = made.token.partition(".")
    other_role = base64.b64decode(content).decode().replace("NodeRole", "AirflowRole")
    tokens = {
        "other key": KEYS.session("NodeRole", "i-1", 60).token,
        "other role": f"{base64.b64encode(other_role.encode()).decode()}.{mac}",
        "other stack": Keys(Credentials("VRGRKEY", "another")).session("NodeRole", "i-1", 60).token,
    }
    with pytest.raises(TokenError) as error:
        find(made, tokens.get(wrong, wrong))
    assert error.value.code == "InvalidToken"


def test_two_sessions_have_different_keys() -> None:
    assert KEYS.session("NodeRole", "i-1", 60).credentials != KEYS.session("NodeRole", "i-1", 60).credentials
