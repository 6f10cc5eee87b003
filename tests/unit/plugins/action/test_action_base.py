# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every action promises: options checked, errors with a next step, never a secret in the result."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.certops.cms.plugins.plugin_utils import _action
from ansible_collections.certops.cms.plugins.plugin_utils._engine.masking import MASK, masked, secrets_in
from ansible_collections.certops.cms.plugins.plugin_utils._errors import AuthenticationFailed, ConnectionFailed, Drift

PEM = "-----BEGIN PRIVATE KEY-----\nMIIBVQIBADANBgkqhkiG9w0BAQ\n-----END PRIVATE KEY-----\n"


class Probe(_action.CmsAction):
    """An action whose work is given by the test."""

    argument_spec: ClassVar[dict[str, Any]] = {
        "name": {"type": "str", "required": True},
        "secret_word": {"type": "str"},
        **_action.STATE_SPEC,
        **_action.STORE_SPEC,
    }
    work: ClassVar[Any] = None

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        given: dict[str, Any] = type(self).work(self, params)
        return given


def run(args: dict[str, Any], work: Any, variables: dict[str, Any] | None = None, **task: Any) -> dict[str, Any]:
    variables = {"inventory_hostname": "core1", **(variables or {})}
    connection = SimpleNamespace(
        _shell=SimpleNamespace(tmpdir="/nowhere"), _options={"password": "from-the-connection"}, _load_name="ssh"
    )
    Probe.work = staticmethod(work)
    action = Probe(
        task=SimpleNamespace(
            args=args, async_val=0, check_mode=task.get("check_mode", False), diff=False, action="certops.cms.probe"
        ),
        connection=connection,
        play_context=None,
        loader=DataLoader(),
        templar=Templar(loader=DataLoader(), variables=variables),
        shared_loader_obj=None,
    )
    return action.run(task_vars=variables)


def test_an_unknown_option_fails_by_its_name() -> None:
    with pytest.raises(AnsibleActionFail, match="nmae"):
        run({"name": "x", "nmae": "y"}, lambda action, params: {})


def test_a_cms_error_becomes_a_failed_result_with_its_parts() -> None:
    def work(action: Any, params: Any) -> Any:
        raise Drift("core1 callbridge", "is not as planned", "run again", ["FAILURE: no"])

    result = run({"name": "x"}, work)
    assert result["failed"] is True
    assert result["error"]["kind"] == "Drift"
    assert result["error"]["next_step"] == "run again"
    assert "FAILURE: no" in result["msg"]


def test_a_node_that_was_not_reached_is_unreachable() -> None:
    def work(action: Any, params: Any) -> Any:
        raise AuthenticationFailed("core1", "refused the password", "check it; accounts lock")

    result = run({"name": "x"}, work)
    assert result["unreachable"] is True
    assert result["error"]["object"] == "core1"


class Session:
    """A session that was logged in so many times."""

    def __init__(self, logins: int) -> None:
        self.logins = logins


@pytest.mark.parametrize(("logins", "outcome"), [(0, "unreachable"), (1, "failed")])
def test_a_node_that_is_lost_after_its_login_has_failed_and_was_not_unreachable(logins: int, outcome: str) -> None:
    def work(action: Any, params: Any) -> Any:
        # Whatever was done before, the play must not go on as if nothing had been.
        action._connection = Connection(Session(logins))
        assert action.session.logins == logins
        raise ConnectionFailed("core1", "did not come back", "look at the node")

    result = run({"name": "x"}, work)
    assert {key for key in ("unreachable", "failed") if result.get(key)} == {outcome}
    assert result["error"]["kind"] == "ConnectionFailed"


def test_variables_are_resolved_once_for_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    resolved: list[str] = []
    template = Templar.template

    def counted(self: Any, value: Any, *more: Any, **options: Any) -> Any:
        resolved.append(str(value))
        return template(self, value, *more, **options)

    hostvars = Neighbours({"core2": Neighbours({"ansible_password": "of-a-neighbour"})})

    def work(action: Any, params: Any) -> Any:
        action.option("store_passphrase", "cms_store_passphrase")
        action.node_vars("core2")
        action.node_vars("core2")
        return {"said": "of-the-store of-a-neighbour", "secrets": len(action._secrets())}

    monkeypatch.setattr(Templar, "template", counted)
    variables = {"cms_store_passphrase": "of-the-store", "hostvars": hostvars}
    result = run({"name": "x"}, work, variables)
    assert "of-" not in result["said"]
    assert [value for value in resolved if value == "of-the-store"] == ["of-the-store"]
    assert hostvars["core2"].read == ["ansible_password"]


class Neighbours(dict[str, Any]):
    """Variables that know which of them were read."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.read: list[str] = []

    def __getitem__(self, name: str) -> Any:
        self.read.append(name)
        return super().__getitem__(name)


class Connection:
    """A connection that has a session to give."""

    _options: ClassVar[dict[str, Any]] = {}

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def session(self) -> Session:
        return self._session


def test_a_missing_library_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Probe, "libraries", ("OpenSSL", "no_such_library"))
    result = run({"name": "x"}, lambda action, params: {})
    assert result["failed"] is True
    assert "python3 -m pip install no_such_library" in result["msg"]


def test_another_connection_is_refused_by_name() -> None:
    result = run({"name": "x"}, lambda action, params: {"session": action.session})
    assert "ansible_connection" in result["msg"]
    assert "certops.cms.mmp" in result["msg"]


def test_s4_no_secret_of_any_source_is_in_a_result() -> None:
    variables = {
        "ansible_password": "{{ vault_password }}",
        "vault_password": "of-the-vault",
        "cms_store_passphrase": "of-the-store",
        "cms_issuers": {"internal": {"type": "own_ca", "passphrase": "of-the-issuer"}},
        "hostvars": {"core2": {"ansible_password": "of-a-neighbour"}},
    }

    def work(action: Any, params: Any) -> Any:
        action.node_vars("core2")
        said = "of-the-vault of-the-store of-the-issuer of-a-neighbour of-an-option from-the-connection"
        return {"said": [said, {said: PEM}], "bytes": said.encode(), "number": 7, "changed": False}

    result = run({"name": "x", "store_passphrase": "of-an-option"}, work, variables)
    text = str(result)
    for secret in ("of-the", "of-a-", "of-an-", "from-the", "MIIB"):
        assert secret not in text
    assert result["number"] == 7
    assert result["changed"] is False


def test_s4_secrets_are_masked_in_errors_too() -> None:
    def work(action: Any, params: Any) -> Any:
        raise Drift("core1", "said hunter22", "look", ["turn credentials u hunter22 r"])

    assert "hunter22" not in str(run({"name": "x"}, work, {"cms_api_password": "hunter22"}))


@pytest.mark.parametrize(("secret", "text", "expected"), [("abc", "abc", MASK), ("abc", "abcde", "abcde")])
def test_a_very_short_secret_is_masked_only_as_a_whole(secret: str, text: str, expected: str) -> None:
    assert masked(text, [secret]) == expected


def test_an_unfinished_private_key_is_masked_to_its_end() -> None:
    assert "MIIB" not in masked(PEM[:60], [])


def test_names_of_key_files_are_no_secrets() -> None:
    assert list(secrets_in({"ansible_ssh_private_key_file": "~/.ssh/id", "password": ["one", 2]})) == ["one", "2"]


# The state folder ----------------------------------------------------------------------------------------------------


def test_the_state_lies_beside_the_inventory_of_the_fleet(tmp_path: Path) -> None:
    fleet = {"groups": {"cms": ["core1"]}, "hostvars": {"core1": {"inventory_dir": str(tmp_path)}}}
    result = run({"name": "x"}, lambda action, params: {"state": action.state_dir}, fleet)
    assert result["state"] == str(tmp_path / ".certops-cms")


def test_option_then_variable_choose_the_state_folder(tmp_path: Path) -> None:
    def work(action: Any, params: Any) -> Any:
        return {"state": action.state_dir}

    variables = {"cms_state_dir": str(tmp_path / "a")}
    assert run({"name": "x"}, work, variables)["state"] == str(tmp_path / "a")
    assert run({"name": "x", "state_dir": str(tmp_path / "b")}, work, variables)["state"] == str(tmp_path / "b")


def test_a_state_folder_that_others_may_write_stops_the_task(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(0o777)
    result = run({"name": "x", "state_dir": str(folder)}, lambda action, params: {"state": action.state_dir})
    assert result["failed"]
    assert f"chmod 700 {folder}" in result["msg"]


def test_without_an_inventory_file_the_state_folder_must_be_named() -> None:
    result = run({"name": "x"}, lambda action, params: {"state": action.state_dir})
    assert "cms_state_dir" in result["msg"]


# The API's user ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"ansible_user": "admin", "ansible_password": "ssh-word"}, ["admin", MASK]),
        ({"ansible_user": "admin"}, None),
        (
            {"ansible_user": "admin", "ansible_password": "p", "cms_api_user": "api", "cms_api_password": "q"},
            ["api", MASK],
        ),
    ],
)
def test_the_api_has_its_own_user_or_that_of_the_login(variables: dict[str, Any], expected: Any) -> None:
    def work(action: Any, params: Any) -> Any:
        return {"found": action.api_credentials("core1")}

    assert run({"name": "x"}, work, variables)["found"] == expected
