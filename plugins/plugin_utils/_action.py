# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every action of this collection shares: options in, one result out, errors with a next step, no secrets.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import connection_loader
from ansible.utils.display import Display

from ._engine.masking import SECRET_NAME, masked, secrets_in
from ._errors import (
    AuthenticationFailed,
    BadOption,
    CmsError,
    ConnectionFailed,
    HostKeyProblem,
    MissingLibrary,
)
from ._fleet.files import check_trusted
from ._text import printable

display = Display()

#: Errors that mean "this node was not reached", where it had not been logged in to before.
NOT_REACHED = (ConnectionFailed, HostKeyProblem, AuthenticationFailed)

CONNECTION = "certops.cms.mmp"

STATE_FOLDER = ".certops-cms"

#: What a library is called when it is installed, where that differs from its import name.
DISTRIBUTIONS = {"OpenSSL": "pyOpenSSL", "yaml": "PyYAML"}

# Specs of the options that several modules share; documented in the fragments of the same name.
STATE_SPEC: dict[str, Any] = {"state_dir": {"type": "path"}}
STORE_SPEC: dict[str, Any] = {"store_passphrase": {"type": "str", "no_log": True}}
ISSUERS_SPEC: dict[str, Any] = {"issuers": {"type": "dict"}}
API_SPEC: dict[str, Any] = {"api_user": {"type": "str"}, "api_password": {"type": "str", "no_log": True}}
#: Attribute of guide table 4 -> option.
SUBJECT = {
    "CN": "common_name",
    "O": "organization",
    "OU": "organizational_unit",
    "L": "locality",
    "ST": "state_or_province",
    "C": "country",
    "emailAddress": "email",
}
SUBJECT_SPEC: dict[str, Any] = {option: {"type": "str"} for option in SUBJECT.values()}
CALLS_SPEC: dict[str, Any] = {
    "calls": {"type": "str", "choices": ["stop", "wait", "drop"]},
    "calls_timeout": {"type": "int"},
    "drain": {"type": "bool"},
    "drain_load_limit": {"type": "int"},
    "alarm_timeout": {"type": "int"},
}


def _load_connection() -> None:
    """Have the plugin of the connection read now, in the process of the playbook, which imports an action first.

    Each task runs in a process of its own that begins as a copy of that one. What it does not find there it reads
    itself: the libraries for SSH, and the documentation of the options, for every node again.
    """
    with contextlib.suppress(AnsibleError, ImportError):
        connection_loader.get(CONNECTION, class_only=True)


def require(*libraries: str) -> None:
    """Raise MissingLibrary unless every one of these Python libraries can be imported on the control node."""
    missing = [name for name in libraries if importlib.util.find_spec(name) is None]
    if missing:
        names = " ".join(DISTRIBUTIONS.get(name, name) for name in missing)
        raise MissingLibrary(
            f"Python on the control node, library {names}",
            "is not installed for the Python that runs Ansible",
            f"install it there: python3 -m pip install {names}",
        )


class CmsAction(ActionBase):
    """Base of the actions: a subclass names its options and says in ``act`` what is done with them.

    ``argument_spec`` and ``rules`` (``mutually_exclusive``, ``required_if``, ...) are those of the module's
    documentation; ``libraries`` are imported by ``act`` and looked for before anything is touched.
    """

    TRANSFERS_FILES = False
    argument_spec: ClassVar[dict[str, Any]] = {}
    rules: ClassVar[dict[str, Any]] = {}
    libraries: ClassVar[tuple[str, ...]] = ()

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Do the work of the module and give its result, with the same keys in check mode."""
        raise AssertionError(f"Contract violation: {type(self).__module__} does not say what it does")

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Check the options, act, and give a result without secrets; a CmsError becomes a failed result."""
        result: dict[str, Any] = super().run(None, task_vars)
        self.variables = task_vars or {}
        self.params: dict[str, Any] = {}
        self._other_secrets: set[str] = set()
        self._resolved: dict[str, Any] = {}
        self._neighbours: set[str] = set()
        self._used: Any = None
        try:
            self.params = self._checked()
            require(*self.libraries)
            result.update(self.act(self.params, self.variables))
        except NOT_REACHED as error:
            # What was done in an earlier login stays done, and rescue must get to see that.
            outcome = "failed" if getattr(self._used, "logins", 0) else "unreachable"
            result.update({outcome: True}, msg=str(error), error=error.as_dict())
        except CmsError as error:
            result.update(failed=True, msg=str(error), error=error.as_dict())
        cleaned: dict[str, Any] = masked(result, self._secrets())
        return self.finished(cleaned)

    def finished(self, result: dict[str, Any]) -> dict[str, Any]:
        """Give the last form to a result that holds no secrets any more."""
        return result

    # What a subclass asks for ----------------------------------------------------------------------------------------

    @property
    def check_mode(self) -> bool:
        """Say whether nothing may be changed, on the node or on the control node."""
        return bool(self._task.check_mode)

    @property
    def diff_mode(self) -> bool:
        """Say whether a diff is wanted."""
        return bool(self._task.diff)

    @property
    def node(self) -> str:
        """Give the inventory name of the node this task is about."""
        return str(self.variables.get("inventory_hostname", ""))

    @property
    def session(self) -> Any:
        """Give the node's session, logged in; the connection of the task must be ``certops.cms.mmp``."""
        if not hasattr(type(self._connection), "session"):
            kind = getattr(self._connection, "_load_name", None) or getattr(self._connection, "transport", "unknown")
            raise BadOption(
                f"{self.node} ansible_connection",
                f"is {kind}, which does not lead to the command line of a Meeting Server",
                "set ansible_connection: certops.cms.mmp for the group cms",
            )
        connection: Any = self._connection
        self._used = connection.session
        return self._used

    def option(self, name: str, variable: str | None = None, default: Any = None) -> Any:
        """Give an option; where it is not set, the variable that stands in for it; else the default."""
        value = self.params.get(name)
        if value is None and variable is not None:
            value = self.variable(variable)
        return default if value is None else value

    def variable(self, name: str) -> Any:
        """Give a variable of this host with its templates resolved; None when it is not set."""
        if name not in self._resolved:
            value = self.variables.get(name)
            self._resolved[name] = None if value is None else self._templar.template(value)
        return self._resolved[name]

    def node_vars(self, host: str) -> Mapping[str, Any]:
        """Give the variables of another host of the inventory; their templates are resolved as they are read."""
        hostvars = self.variables.get("hostvars") or {}
        if host not in hostvars:
            raise BadOption(f"host {host}", "is not in the inventory", "name a host of the inventory")
        found: Mapping[str, Any] = hostvars[host]
        for name in () if host in self._neighbours else found:
            if SECRET_NAME.search(str(name)):
                try:
                    self._other_secrets.update(secrets_in({name: found[name]}))
                except AnsibleError:
                    continue
        self._neighbours.add(host)
        return found

    def api_credentials(self, node: str) -> tuple[str, str] | None:
        """Give user and password of the REST API of a node, or None.

        Those of the options and of ``cms_api_user`` and ``cms_api_password``; else those of the SSH login, which an
        administrator's are as well.
        """
        own = node == self.node
        known = self.variables if own else self.node_vars(node)

        def value(option: str, *variables: str) -> str | None:
            if own and self.params.get(option):
                return str(self.params[option])
            for name in variables:
                if known.get(name) not in (None, ""):
                    return str(self._templar.template(known[name]) if own else known[name])
            return None

        user = value("api_user", "cms_api_user", "ansible_user", "ansible_ssh_user")
        password = value("api_password", "cms_api_password", "ansible_password", "ansible_ssh_pass")
        return (user, password) if user and password else None

    def warn_of(self, alarms: Iterable[Mapping[str, Any]]) -> None:
        """Tell on the screen which alarms are new after a change; they fail nothing."""
        for alarm in alarms:
            display.warning(printable(f"{alarm['text']}. Next step: look at Status > General in Web Admin."))

    @property
    def state_dir(self) -> str:
        """Give the folder on the control node that holds plans, journal, lock and store of the fleet.

        Raises BadOption when it is not known, and JournalProblem when others than its user may write there.
        """
        chosen = self.option("state_dir", "cms_state_dir")
        if not chosen:
            folder = self._inventory_dir()
            if not folder:
                raise BadOption(
                    "state_dir",
                    "is not set, and the inventory is not a file whose folder could hold the state",
                    "set the variable cms_state_dir to a folder on the control node",
                )
            chosen = os.path.join(folder, STATE_FOLDER)
        found = os.path.abspath(os.path.expanduser(str(chosen)))
        check_trusted(found)
        return found

    def folder(self, option: str, variable: str, name: str) -> str:
        """Give the folder on the control node that an option or its variable names; else ``name`` beside the inventory.

        Where the inventory is a folder itself, it is beside that: Ansible would read what lies in it as hosts. Raises
        BadOption where nothing says where that is.
        """
        chosen = self.option(option, variable)
        if not chosen:
            beside = self._inventory_dir()
            if not beside:
                raise BadOption(
                    option,
                    f"is not set, and the inventory is not a file beside which the folder {name} could lie",
                    f"set the variable {variable} to a folder on the control node",
                )
            for source in self.variables.get("ansible_inventory_sources") or []:
                path = os.path.abspath(str(source))
                if os.path.isdir(path) and os.path.commonpath([path, os.path.abspath(beside)]) == path:
                    beside = os.path.dirname(path)
                    break
            chosen = os.path.join(beside, name)
        return os.path.abspath(os.path.expanduser(str(chosen)))

    # ------------------------------------------------------------------------------------------------------------------

    def _checked(self) -> dict[str, Any]:
        check: Any = self.validate_argument_spec
        _result, params = check(self.argument_spec, **self.rules)
        given: dict[str, Any] = params
        return given

    def _inventory_dir(self) -> str | None:
        # An implicit localhost has no inventory folder; plan and apply must find the same one, so ask the fleet first.
        hostvars = self.variables.get("hostvars") or {}
        for host in (self.variables.get("groups") or {}).get("cms", []):
            folder = hostvars[host].get("inventory_dir") if host in hostvars else None
            if folder:
                return str(folder)
        own = self.variables.get("inventory_dir")
        return str(own) if own else None

    def _secrets(self) -> set[str]:
        """Collect every secret this task could know: of the options, the variables, the connection, other hosts."""
        found = set(self._other_secrets)
        found.update(secrets_in(self.params))
        for name in list(self.variables):
            text = str(name)
            if SECRET_NAME.search(text) or text.startswith("cms_"):
                try:
                    found.update(secrets_in({text: self.variable(name)}))
                except AnsibleError:
                    # A variable that cannot be resolved has no value that could be shown.
                    continue
        options: Mapping[str, Any] = getattr(self._connection, "_options", None) or {}
        found.update(secrets_in(dict(options)))
        found.update(str(secret) for secret in getattr(self._connection, "secrets", ()) or () if secret)
        return found


_load_connection()
