# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: mmp
short_description: Talk to the command line of a Cisco Meeting Server
version_added: 0.1.0
author:
  - certops.cms contributors (@certops)
description:
  - Connects to the MMP, the command line of a Cisco Meeting Server, over SSH, and moves its files over SFTP on the same
    login.
  - One credential, one attempt per login. No agent is asked and no default key is tried, because accounts lock.
    A private key is used where the node takes public keys, else the password.
  - The host key of a node has to be known. A changed host key is always refused.
  - One login per task, none that outlives it. Nothing but the modules of this collection, M(ansible.builtin.raw) and
    the like works over this connection, because nothing can be started on the appliance.
  - Privilege escalation does not apply and is ignored.
  - In check mode no known_hosts file is written.
requirements:
  - paramiko on the control node
options:
  host:
    description: Name or address of the node.
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
      - name: ansible_ssh_host
      - name: ansible_mmp_host
  port:
    description: SSH port of the node.
    type: int
    default: 22
    ini:
      - section: defaults
        key: remote_port
    env:
      - name: ANSIBLE_REMOTE_PORT
    vars:
      - name: ansible_port
      - name: ansible_ssh_port
      - name: ansible_mmp_port
    keyword:
      - name: port
  remote_user:
    description: User of the MMP.
    type: str
    ini:
      - section: defaults
        key: remote_user
    env:
      - name: ANSIBLE_REMOTE_USER
    vars:
      - name: ansible_user
      - name: ansible_ssh_user
      - name: ansible_mmp_user
    keyword:
      - name: remote_user
    cli:
      - name: user
        option: --user
  password:
    description: Password of the user. Belongs into a vault.
    type: str
    vars:
      - name: ansible_password
      - name: ansible_ssh_pass
      - name: ansible_ssh_password
      - name: ansible_mmp_password
  private_key_file:
    description: Private key of the user, as a file on the control node. RSA, ECDSA or Ed25519.
    type: path
    ini:
      - section: defaults
        key: private_key_file
    env:
      - name: ANSIBLE_PRIVATE_KEY_FILE
    vars:
      - name: ansible_private_key_file
      - name: ansible_ssh_private_key_file
      - name: ansible_mmp_private_key_file
    cli:
      - name: private_key_file
        option: --private-key
  private_key_passphrase:
    description: Passphrase of O(private_key_file). Belongs into a vault.
    type: str
    env:
      - name: ANSIBLE_PRIVATE_KEY_PASSPHRASE
    vars:
      - name: ansible_private_key_passphrase
      - name: ansible_ssh_private_key_passphrase
      - name: ansible_mmp_private_key_passphrase
  host_key_checking:
    description:
      - Whether a node with an unknown host key is refused.
      - C(StrictHostKeyChecking=no) in O(ssh_args), O(ssh_common_args) or O(ssh_extra_args) has the effect of V(false).
    type: bool
    default: true
    ini:
      - section: defaults
        key: host_key_checking
      - section: mmp_connection
        key: host_key_checking
    env:
      - name: ANSIBLE_HOST_KEY_CHECKING
      - name: ANSIBLE_SSH_HOST_KEY_CHECKING
      - name: ANSIBLE_MMP_HOST_KEY_CHECKING
    vars:
      - name: ansible_host_key_checking
      - name: ansible_ssh_host_key_checking
      - name: ansible_mmp_host_key_checking
  host_key_auto_add:
    description:
      - Whether an unknown host key is accepted and added to O(known_hosts_file).
      - In check mode it is accepted and not added.
      - C(StrictHostKeyChecking=accept-new) in O(ssh_args), O(ssh_common_args) or O(ssh_extra_args) has the effect of
        V(true).
    type: bool
    default: false
    ini:
      - section: mmp_connection
        key: host_key_auto_add
    env:
      - name: ANSIBLE_MMP_HOST_KEY_AUTO_ADD
    vars:
      - name: ansible_mmp_host_key_auto_add
  known_hosts_file:
    description:
      - A file of known host keys that is read beside C(~/.ssh/known_hosts), and gets new host keys in its place.
      - C(UserKnownHostsFile) in O(ssh_args), O(ssh_common_args) or O(ssh_extra_args) is taken where this is not set.
    type: path
    ini:
      - section: mmp_connection
        key: known_hosts_file
    env:
      - name: ANSIBLE_MMP_KNOWN_HOSTS_FILE
    vars:
      - name: ansible_mmp_known_hosts_file
  proxy_jump:
    description:
      - Jump hosts on the way to the node, as V(user@host:port), several with commas between them.
      - Without a password or key for them the OpenSSH client is used for the jump hosts, so that your agent and
        C(~/.ssh/config) apply to them. The node's own credential is never offered to a jump host.
      - C(-J) and C(ProxyJump) in O(ssh_args), O(ssh_common_args) or O(ssh_extra_args) are taken where neither this nor
        O(proxy_command) is set.
    type: str
    ini:
      - section: mmp_connection
        key: proxy_jump
    env:
      - name: ANSIBLE_MMP_PROXY_JUMP
    vars:
      - name: ansible_mmp_proxy_jump
  proxy_jump_password:
    description: Password of the user on the jump hosts. Belongs into a vault.
    type: str
    vars:
      - name: ansible_mmp_proxy_jump_password
  proxy_jump_private_key_file:
    description: Private key of the user on the jump hosts.
    type: path
    vars:
      - name: ansible_mmp_proxy_jump_private_key_file
  proxy_jump_private_key_passphrase:
    description: Passphrase of O(proxy_jump_private_key_file). Belongs into a vault.
    type: str
    vars:
      - name: ansible_mmp_proxy_jump_private_key_passphrase
  proxy_command:
    description:
      - A program whose standard input and output lead to the node. It is started without a shell.
      - C(%h), C(%p) and C(%r) stand for host, port and user.
      - C(ProxyCommand) in O(ssh_args), O(ssh_common_args) or O(ssh_extra_args) is taken where neither this nor
        O(proxy_jump) is set.
    type: str
    ini:
      - section: mmp_connection
        key: proxy_command
    env:
      - name: ANSIBLE_MMP_PROXY_COMMAND
    vars:
      - name: ansible_paramiko_proxy_command
      - name: ansible_mmp_proxy_command
  ssh_args:
    description: Arguments of the OpenSSH client. Only those that the other options name are looked at.
    type: str
    default: ''
    ini:
      - section: ssh_connection
        key: ssh_args
    env:
      - name: ANSIBLE_SSH_ARGS
    vars:
      - name: ansible_ssh_args
  ssh_common_args:
    description: As O(ssh_args).
    type: str
    default: ''
    ini:
      - section: ssh_connection
        key: ssh_common_args
    env:
      - name: ANSIBLE_SSH_COMMON_ARGS
    vars:
      - name: ansible_ssh_common_args
    cli:
      - name: ssh_common_args
  ssh_extra_args:
    description: As O(ssh_args).
    type: str
    default: ''
    ini:
      - section: ssh_connection
        key: ssh_extra_args
    env:
      - name: ANSIBLE_SSH_EXTRA_ARGS
    vars:
      - name: ansible_ssh_extra_args
    cli:
      - name: ssh_extra_args
  connect_timeout:
    description: Seconds to wait for the node to answer, for the SSH session to be agreed on, and for the login; each.
    type: float
    default: 15
    ini:
      - section: mmp_connection
        key: connect_timeout
    env:
      - name: ANSIBLE_MMP_CONNECT_TIMEOUT
    vars:
      - name: ansible_ssh_timeout
      - name: ansible_mmp_connect_timeout
  command_timeout:
    description: Seconds to wait for the prompt after a command, and for each answer over SFTP.
    type: float
    default: 30
    ini:
      - section: mmp_connection
        key: command_timeout
    env:
      - name: ANSIBLE_MMP_COMMAND_TIMEOUT
    vars:
      - name: ansible_command_timeout
      - name: ansible_mmp_command_timeout
  long_timeout:
    description:
      - Seconds to wait after a command that may take long, such as a restart, and after every command of
        M(ansible.builtin.raw).
    type: float
    default: 180
    ini:
      - section: mmp_connection
        key: long_timeout
    env:
      - name: ANSIBLE_MMP_LONG_TIMEOUT
    vars:
      - name: ansible_mmp_long_timeout
  channel:
    description:
      - How commands reach the node.
      - V(exec) gives every command an SSH channel of its own.
      - V(shell) types commands at the prompt.
      - V(auto) uses V(exec) where it works, and V(shell) from the first time on that it does not.
        A command that expects a question always uses the shell.
    type: str
    choices: [auto, exec, shell]
    default: auto
    ini:
      - section: mmp_connection
        key: channel
    env:
      - name: ANSIBLE_MMP_CHANNEL
    vars:
      - name: ansible_mmp_channel
  pacing:
    description:
      - Seconds between the openings of two SSH channels. The appliance refuses channels that are opened too fast.
    type: float
    default: 0.05
    ini:
      - section: mmp_connection
        key: pacing
    env:
      - name: ANSIBLE_MMP_PACING
    vars:
      - name: ansible_mmp_pacing
"""

EXAMPLES = r"""
- name: Ask every node something over this connection
  hosts: cms
  gather_facts: false
  connection: certops.cms.mmp
  tasks:
    - name: Ask for the software version
      ansible.builtin.raw: version
      changed_when: false
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.connection import ConnectionBase
from ansible.utils.display import Display

from ansible_collections.certops.cms.plugins.plugin_utils._errors import (
    AuthenticationFailed,
    CmsError,
    ConnectionFailed,
    HostKeyProblem,
    SessionLost,
)
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.endpoint import (
    Endpoint,
    jump_through,
    parse_ssh_arguments,
)
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.session import Session

display = Display()

#: Errors after which Ansible should count the host as unreachable.
UNREACHABLE = (ConnectionFailed, HostKeyProblem, AuthenticationFailed, SessionLost)

#: What a person asks for by name may be large, such as a bundle of logs; it is read into memory all the same. Bytes.
_MOST_FETCHED = 256 * 1024 * 1024
#: How Ansible begins to prepare a host for a module that would be copied there.
_POSIX_SHELL = re.compile(r"\s*(?:\(|echo\s+~|/\S*\bsh\b|sudo\b|chmod\b|rm\s+-|\S*python)")


class Connection(ConnectionBase):
    """One login to one Meeting Server, made when first needed and ended with the task."""

    transport = "certops.cms.mmp"
    has_pipelining = False
    has_tty = False
    allow_executable = False
    supports_persistence = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._session: Session | None = None

    # What actions of this collection use -----------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """Give the session with the node; it logs in when it is first used. Raises CmsError."""
        if self._session is None:
            endpoint = self.endpoint()
            self._session = Session(endpoint, lambda line: display.vvvv(line, host=endpoint.host))
        return self._session

    @property
    def secrets(self) -> tuple[str, ...]:
        """Give every secret of this connection, to be masked in results."""
        return tuple(self.endpoint().secrets())

    def endpoint(self) -> Endpoint:
        """Read the options into an endpoint. Raises BadOption."""
        arguments = parse_ssh_arguments(
            *(self.get_option(name) for name in ("ssh_args", "ssh_common_args", "ssh_extra_args"))
        )
        strict = arguments.strict_host_key_checking
        jump, command = self.get_option("proxy_jump"), self.get_option("proxy_command")
        if not jump and not command:
            # As in OpenSSH, a jump host wins over a proxy command.
            jump, command = arguments.proxy_jump, arguments.proxy_command
            if jump:
                command = None
        endpoint = Endpoint(
            host=self.get_option("host"),
            port=self.get_option("port"),
            user=self.get_option("remote_user") or "",
            password=self.get_option("password"),
            private_key_file=self.get_option("private_key_file"),
            passphrase=self.get_option("private_key_passphrase"),
            known_hosts_file=self.get_option("known_hosts_file") or arguments.known_hosts_file,
            host_key_checking=self.get_option("host_key_checking") and strict not in ("no", "off"),
            accept_new=self.get_option("host_key_auto_add") or strict == "accept-new",
            read_only_known_hosts=bool(self._play_context.check_mode),
            proxy_command=None if jump else command,
            connect_timeout=self.get_option("connect_timeout"),
            command_timeout=self.get_option("command_timeout"),
            long_timeout=self.get_option("long_timeout"),
            channel=self.get_option("channel"),
            pacing=self.get_option("pacing"),
        )
        if not jump:
            return endpoint
        return jump_through(
            endpoint,
            jump,
            password=self.get_option("proxy_jump_password"),
            private_key_file=self.get_option("proxy_jump_private_key_file"),
            passphrase=self.get_option("proxy_jump_private_key_passphrase"),
        )

    # What Ansible asks of a connection -------------------------------------------------------------------------------

    def set_become_plugin(self, plugin: Any) -> None:
        """Ignore privilege escalation: the MMP knows only the user who logged in."""

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run one MMP command; rc 1 where it printed a FAILURE line or was not understood."""
        if in_data or _POSIX_SHELL.match(cmd):
            raise AnsibleError(
                "Nothing can be copied to a Meeting Server and started there. Use the modules of certops.cms,"
                " or ansible.builtin.raw with an MMP command, and set gather_facts: false."
            )
        with _as_ansible_errors():
            reply = self.session.run(cmd.strip(), long=True, check=False)
        text = "".join(f"{line}\n" for line in reply.lines)
        return (1 if reply.failed or not reply.understood else 0), text.encode(), b""

    def put_file(self, in_path: str, out_path: str) -> None:
        """Upload a file; its name on the node is bare, all files lie in one folder."""
        try:
            with open(in_path, "rb") as stream:
                data = stream.read()
        except OSError as exc:
            raise AnsibleError(f"{in_path} cannot be read ({exc.strerror}). Nothing was uploaded.") from None
        with _as_ansible_errors():
            self.session.put(out_path.removeprefix("/"), data)

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Download a file, readable for nobody else: it may be a private key."""
        with _as_ansible_errors():
            data = self.session.get(in_path.removeprefix("/"), _MOST_FETCHED)
        handle = os.open(out_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)

    def reset(self) -> None:
        """End the login; the next command makes a new one."""
        self.close()

    def close(self) -> None:
        """Log out."""
        if self._session is not None:
            self._session.close()
            self._session = None
        self._connected = False


@contextmanager
def _as_ansible_errors() -> Iterator[None]:
    try:
        yield
    except UNREACHABLE as exc:
        # Without its cause: Ansible would print the same sentence once for each link of the chain.
        raise AnsibleConnectionFailure(str(exc)) from None
    except CmsError as exc:
        raise AnsibleError(str(exc)) from None
