# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Switches: everything nobody could find out about the appliance, as a choice with named positions.

One table. Every row of section 8 of the services reference is here (``section8`` names the row), followed by what its
section 9 and the API reference leave open. A dialect is a named set of positions; ``random:<seed>`` is a drawn one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from .dialects import DIALECTS


class SwitchError(ValueError):
    """An unknown switch or an unknown position."""


@dataclass(frozen=True)
class Switch:
    """One open question: its positions, the default, and optionally a range of whole or decimal numbers.

    ``drawn`` are the numbers that a random dialect takes: every one that an appliance in daily use could stand at.
    """

    default: str | float
    positions: tuple[str, ...]
    about: str
    numbers: tuple[float, float] | None = None
    section8: str = ""
    drawn: tuple[float, ...] = ()

    def check(self, name: str, value: Any) -> str | float:
        """Return the value in its canonical form; raise SwitchError when it is no position of this switch."""
        if isinstance(value, bool):
            value = "on" if value else "off"
        if str(value) in self.positions:
            return str(value)
        if self.numbers is not None:
            try:
                number = float(value)
            except (TypeError, ValueError):
                number = float("nan")
            if self.numbers[0] <= number <= self.numbers[1]:
                return int(number) if number == int(number) else number
        allowed = list(self.positions)
        if self.numbers is not None:
            allowed.append(f"a number from {self.numbers[0]:g} to {self.numbers[1]:g}")
        raise SwitchError(f"switch {name}: {value!r} is none of {', '.join(allowed)}")


def _row(
    default: str | float,
    positions: tuple[str, ...],
    row: str,
    numbers: tuple[float, float] | None = None,
    drawn: tuple[float, ...] = (),
) -> Switch:
    return Switch(default, positions, row, numbers, row, drawn)


SWITCHES: dict[str, Switch] = {
    # --- section 8, row by row -------------------------------------------------------------------------------------
    "echo": _row("on", ("on", "off"), "echo in shell"),
    "shell_line_ending": _row("crlf", ("crlf", "lf"), "line ending in shell"),
    "exec_line_ending": _row("lf", ("lf", "crlf"), "line ending in exec"),
    "paging": _row("none", ("none",), "paging", (3, 500), (3, 10, 24)),
    "paging_marker": Switch("more", ("more", "arrows", "colon"), "what stands where a page ends"),
    "wrap": _row("none", ("none", "terminal_width"), "wrap"),
    "welcome": _row("one_line", ("one_line", "none", "many_lines"), "welcome text"),
    "unknown_command": _row("plain_line", ("plain_line", "failure_line", "usage"), "unknown command"),
    "wrong_arguments": _row("usage", ("usage", "failure_line"), "wrong arguments"),
    "setting_accepted": _row("silent", ("silent", "success_line"), "setting accepted"),
    "setting_missing_file": _row("failure_line", ("failure_line", "accepted"), "setting with a missing file"),
    "enable_when_enabled": _row("repeats", ("repeats", "nothing"), "`enable` when enabled"),
    # A minute of waiting shows nothing that a second does not.
    "callbridge_restart": _row(3, ("lost_connection",), "`callbridge restart` duration", (0, 60), (0, 0.3, 1)),
    "unknown_row": _row("none", ("none", "extra_row", "row_without_colon"), "unknown row in a display"),
    "sftp_delete_in_use": _row("allowed", ("allowed", "permission_denied"), "SFTP delete of a file in use"),
    "sftp_overwrite_in_use": _row("allowed", ("allowed", "permission_denied"), "SFTP overwrite of a file in use"),
    "exec_exit_status": _row("zero", ("zero", "one_on_failure", "none"), "exec exit status"),
    "small_y": _row("aborts", ("aborts", "asks_again"), "small `y` at a confirmation"),
    # A limit of one would refuse the first session.
    "session_limit": _row("none", ("none",), "session limit per user", (1, 50), (2, 3)),
    "expiry_notice": _row("none", ("none", "one_line"), "password near expiry"),
    # --- section 9 and section 2: session ---------------------------------------------------------------------------
    "prompt": Switch("hostname", ("hostname", "hostname_no_blank", "bare"), "form of the prompt"),
    "ansi": Switch("none", ("none", "colour_prompt"), "escape sequences around the prompt"),
    "banner": Switch("none", ("none", "one_line", "many_lines"), "text before authentication"),
    "login_method": Switch("both", ("both", "password", "keyboard_interactive"), "how a password is taken"),
    "exec_channel": Switch("works", ("works", "refused"), "whether exec channels are accepted"),
    "exec_confirmation": Switch("assumes_yes", ("assumes_yes", "refuses", "asks"), "a question in an exec channel"),
    "channel_pacing": Switch("refuse_fast", ("refuse_fast", "none"), "channels opened right after one another"),
    "password_change": Switch("in_shell", ("in_shell", "at_login"), "where an expired password is to be changed"),
    # A second or two would leave nobody the time to type a command.
    "idle_limit": Switch(
        "none", ("none",), "seconds without input until the session ends", (0.05, 3600), drawn=(5, 30, 180)
    ),
    "crypto_role": Switch("pki_and_settings", ("pki_and_settings", "pki_only", "everything"), "what crypto may do"),
    "missing_service": Switch(
        "unknown_command", ("unknown_command", "failure_line"), "command of a service a node lacks"
    ),
    # --- texts ------------------------------------------------------------------------------------------------------
    "failure_detail": Switch("two_lines", ("two_lines", "one_line"), "general FAILURE line after the specific one"),
    "enabled_line": Switch("capital", ("capital", "small", "absent"), "the closing line of enable"),
    "webadmin_enabled_line": Switch("absent", ("absent", "capital", "small"), "the closing line of webadmin enable"),
    "display_words": Switch("documented", ("documented", "other_case"), "case of true, enabled and none"),
    "display_padding": Switch("documented", ("documented", "tight", "wide"), "blanks around the colons of a display"),
    # The reference says the word; of rows that it does not show nobody knows.
    "nothing_set": Switch("none", ("none", "blank", "blank_trimmed"), "row of a display in which nothing is set"),
    "callbridge_rows": Switch("3.8", ("3.8", "before_3.8", "after_3.9"), "rows of the callbridge display"),
    "turn_rows": Switch("mixed", ("mixed", "colon"), "rows of the turn display that have no colon"),
    "redirect_value": Switch("word", ("word", "word_and_port"), "HTTP redirect row when on"),
    "version_form": Switch("number", ("number", "sentence", "rows"), "output of version"),
    "pki_usage": Switch("service_first", ("service_first", "file_first", "empty"), "output of a bare pki"),
    "pki_list_order": Switch("none", ("none", "sorted"), "order of pki list"),
    "pki_csr_dots": Switch("many_lines", ("many_lines", "one_line", "none"), "progress dots of pki csr"),
    "pki_inspect_form": Switch("openssl_text", ("openssl_text", "short_rows"), "output of pki inspect"),
    "pki_match_words": Switch("plain", ("plain", "result_lines", "terse", "opaque"), "answer of pki match"),
    "pki_verify_words": Switch("plain", ("plain", "result_lines", "terse", "opaque"), "answer of pki verify"),
    "pki_made_words": Switch("sentence", ("sentence", "result_lines", "silent"), "answer of selfsigned, sign, unlock"),
    "pki_underscore": Switch("accepted", ("accepted", "refused"), "underscore in a base name"),
    "pki_key_form": Switch("pkcs8", ("pkcs8", "traditional"), "PEM form of a key made on the node"),
    "pki_password_prompt": Switch("password", ("password", "pass_phrase", "word"), "question of unlock, pkcs12-to-ssh"),
    "pki_wrong_password": Switch("fails", ("fails", "asks_again"), "a wrong password of unlock, pkcs12-to-ssh"),
    "pki_unlock_open": Switch(
        "asks_and_fails", ("asks_and_fails", "asks_and_takes_it", "says_so"), "unlock of a key that is not locked"
    ),
    "pki_selfsigned_name": Switch("hostname", ("hostname", "base_name"), "subject of selfsigned without attributes"),
    "pki_selfsigned_ca": Switch("ca_flag", ("ca_flag", "nothing"), "what marks a certificate of selfsigned as a CA"),
    "pki_sign_names": Switch("kept", ("kept", "dropped"), "alternative names of the CSR in what sign makes"),
    "pki_over_existing": Switch("replaces", ("replaces", "refused"), "selfsigned and sign onto a name that exists"),
    "reboot_question": Switch("asks", ("asks", "goes"), "whether reboot asks in a shell"),
    # --- behaviour of services --------------------------------------------------------------------------------------
    "csr_over_name_in_use": Switch("breaks", ("breaks", "no_effect", "refused"), "pki csr onto a name in use"),
    "wrong_pair_at_restart": Switch("service_down", ("service_down", "keeps_old"), "a restart with a wrong pair"),
    "enable_applies": Switch("no", ("no", "yes"), "enable when enabled loads what is stored"),
    "expired_at_restart": Switch("accepted", ("accepted", "refused"), "loading an expired certificate"),
    "chain_at_restart": Switch("refused", ("refused", "accepted"), "loading a chain or bundle that does not verify"),
    "callbridge_enable": Switch("wrong_arguments", ("wrong_arguments", "accepted"), "callbridge enable"),
    "webadmin_restart": Switch("exists", ("exists", "missing"), "webadmin restart"),
    "turn_restart": Switch("exists", ("exists", "missing"), "turn restart"),
    "webbridge3_status": Switch("result_line", ("result_line", "rows", "phrase"), "output of webbridge3 status"),
    "undocumented_restart": Switch(
        "missing", ("missing", "exists"), "restart of recorder, streamer, uploader and meetingapps"
    ),
    "scheduler_restart": Switch("exists", ("exists", "missing"), "scheduler restart"),
    "scheduler_status": Switch("result_line", ("result_line", "rows", "phrase"), "output of scheduler status"),
    "scheduler_alone": Switch("refused", ("refused", "accepted"), "scheduler enable without a Call Bridge"),
    "meetingapps_beside_callbridge": Switch(
        "accepted", ("accepted", "refused"), "meetingapps enable on a server with a Call Bridge"
    ),
    "meetingapps_while_enabled": Switch(
        "refused", ("refused", "accepted"), "webbridge3 meetingapps on a Web Bridge that is enabled"
    ),
    "meetingapps_secret": Switch("alone", ("alone", "row", "sentence"), "output of meetingapps gensecret"),
    "uploader_password": Switch("once", ("once", "twice"), "how often uploader asks for a password"),
    "uploader_without_trust": Switch("unverified", ("unverified", "refused"), "uploader enable without cms trust"),
    "tls_1_3": Switch("accepted", ("accepted", "wrong_arguments"), "1.3 as a lowest version of tls"),
    "tls_alone": Switch("wrong_arguments", ("wrong_arguments", "everything"), "tls without anything behind it"),
    # --- displays that nobody has seen --------------------------------------------------------------------------------
    "recorder_rows": Switch("3.12", ("3.12", "early_3"), "rows of the recorder and streamer displays"),
    "sip_interfaces_off": Switch(
        "none", ("none", "interface_none", "left_out"), "a transport that is off in SIP interfaces"
    ),
    "streamer_resolution": Switch("sip", ("sip", "streamer"), "label of the streamer's resolution"),
    "scheduler_rows": Switch("long", ("long", "short", "bare"), "labels of the scheduler display"),
    "meetingapps_rows": Switch("long", ("long", "short", "bare"), "labels of the meetingapps display"),
    "uploader_rows": Switch("long", ("long", "short", "bare"), "labels of the uploader display"),
    "tls_rows": Switch("long", ("long", "short", "bare"), "labels of the tls displays"),
    "tls_verify_words": Switch("word", ("word", "verb", "on_off"), "the verify mode in the tls displays"),
    # --- links --------------------------------------------------------------------------------------------------------
    "sip_pinning": Switch("allowed", ("allowed", "needs_root"), "a leaf or intermediate alone in tls trust"),
    "sip_host_check": Switch(
        "none", ("none", "checked"), "name of a SIP or LDAP server looked at where it is verified"
    ),
    "cluster_name_check": Switch(
        "exact", ("exact", "wildcards", "none"), "a cluster peer's address against its Web Admin certificate"
    ),
    "uploader_host_check": Switch("checked", ("checked", "none"), "cms host against the Web Admin certificate"),
    # --- C2W --------------------------------------------------------------------------------------------------------
    "c2w_tls": Switch("1.2", ("1.2", "1.3"), "highest TLS version of C2W"),
    "c2w_ca_names": Switch("sent", ("sent", "none"), "CA names in the request for a client certificate"),
    "c2w_pinning": Switch("allowed", ("allowed", "needs_root"), "a leaf or intermediate alone as trust"),
    "c2w_host_check": Switch("san_then_cn", ("san_then_cn", "san_or_cn"), "CN looked at beside a SAN"),
    # --- SFTP -------------------------------------------------------------------------------------------------------
    "sftp_rename": Switch("refused", ("refused", "allowed"), "rename over SFTP"),
    "sftp_refusal": Switch("permission_denied", ("permission_denied", "failure"), "status of what SFTP refuses"),
    "sftp_other_files": Switch("shown", ("shown", "hidden"), "licence and live.json in the listing"),
    "sftp_modes": Switch("accepted", ("accepted", "refused"), "setting modes and times"),
    # --- API --------------------------------------------------------------------------------------------------------
    "api_without_callbridge": Switch("503", ("503", "status_only", "404"), "API of a node without a Call Bridge"),
    "api_uptime": Switch("restarts", ("restarts", "continues"), "uptimeSeconds after a Call Bridge restart"),
    "api_page_cap": Switch(20, (), "longest page of a collection", (1, 1000), drawn=(1, 2, 20, 100)),
    "api_transfer": Switch("plain", ("plain", "chunked", "gzip"), "encoding of answers"),
    "api_unauthorised": Switch("401", ("401", "403"), "status for wrong credentials"),
    "api_missing_object": Switch("400", ("400", "404"), "status for an unknown id"),
    "api_link_status": Switch(
        "webBridge", ("webBridge", "status", "webBridgeStatus"), "root of webBridges/<id>/status"
    ),
    "api_link_reason": Switch(
        "failureReason", ("failureReason", "reason", "none"), "why a link is down, in webBridges/<id>/status"
    ),
    "api_list_fields": Switch("main", ("main", "all"), "fields of the members of a collection"),
    "api_unset": Switch("empty", ("empty", "left_out", "self_closing"), "an unset field of an object"),
    "api_truth": Switch("true", ("true", "1", "yes", "enabled"), "words of a flag"),
    "api_location": Switch("relative", ("relative", "absolute", "left_out"), "Location of what a POST made"),
    "api_cluster_method": Switch("put", ("put", "post", "both"), "method that sets system/configuration/cluster"),
    "api_load_limit_zero": Switch("nothing", ("nothing", "unlimited"), "loadLimit 0"),
    "api_alarm_form": Switch("elements", ("elements", "attributes"), "fields of an alarm"),
    "api_alarm_details": Switch("few", ("few", "many"), "what an alarm says beside type, time and reason"),
    "api_alarm_ids": Switch("stable", ("stable", "new_each_time"), "id of an alarm that comes again"),
    "api_turn_status": Switch("elements", ("elements", "attributes"), "hosts in turnServers/<id>/status"),
    "api_appadmin": Switch("accepted", ("accepted", "refused"), "users with the role appadmin"),
}

#: What a dialect may be called.
DIALECT_NAMES = f"{', '.join(DIALECTS)}, random:<seed>"


def positions_of(dialect: str) -> dict[str, str | float]:
    """Give what a dialect sets; SwitchError when there is none of that name.

    A random dialect sets every switch. Each switch is drawn on its own, so that a switch that is added later changes no
    draw of the others. No combination had to be left out: a client that does the documented things one after another,
    reads what comes and chooses names of its own gets through under each. Only numbers are held within
    ``Switch.drawn``.
    """
    kind, colon, seed = str(dialect).partition(":")
    if kind == "random" and colon and seed:
        drawn: dict[str, str | float] = {}
        for name, switch in SWITCHES.items():
            choices: tuple[str | float, ...] = (*switch.positions, *switch.drawn)
            drawn[name] = random.Random(f"{seed} {name}").choice(choices)
        return drawn
    if dialect not in DIALECTS:
        raise SwitchError(f"dialect {dialect!r} is none of {DIALECT_NAMES}")
    return dict(DIALECTS[dialect])


class Switchboard:
    """The positions in force on one node: defaults, then its dialect, then single settings."""

    def __init__(self, settings: dict[str, Any] | None = None) -> None:
        self._values: dict[str, str | float] = {name: switch.default for name, switch in SWITCHES.items()}
        self.dialect = "default"
        settings = dict(settings or {})
        if "dialect" in settings:
            self.set("dialect", settings.pop("dialect"))
        for name, value in settings.items():
            self.set(name, value)

    def set(self, name: str, value: Any) -> None:
        """Set one switch, or with the name ``dialect`` a whole set; SwitchError leaves everything as it was."""
        if name == "dialect":
            positions = positions_of(value)
            self.dialect = value
            self._values = {key: switch.default for key, switch in SWITCHES.items()} | positions
            return
        if name not in SWITCHES:
            raise SwitchError(f"unknown switch {name!r}")
        self._values[name] = SWITCHES[name].check(name, value)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def is_(self, name: str, position: str) -> bool:
        """True when the switch stands at this position."""
        if position not in SWITCHES[name].positions:
            raise SwitchError(f"switch {name} has no position {position!r}")
        return self._values[name] == position

    def as_dict(self) -> dict[str, str | float]:
        """All positions, by name."""
        return dict(self._values)
