# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A client for the REST API behind Web Admin.

Facts about the transport: database and API reference, section 5.1.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import base64
import http.client
import ssl
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urlsplit
from xml.etree.ElementTree import Element, ParseError

from .._errors import ApiProblem, BadOption, MissingLibrary
from .answers import MISSING, details_in, failures_in, number, says_missing
from .connection import VerifiedConnection, pin_check, tls_context

try:
    import defusedxml.ElementTree
except ImportError:
    pass

OK = "ok"
UNAVAILABLE = "unavailable"
UNAUTHORIZED = "unauthorized"
NONSENSE = "nonsense"

PREFIX = "/api/v1/"
#: Bytes of one answer; the longest page of a real collection is far below.
BODY_LIMIT = 4 * 1024 * 1024
PAGE = 20
#: Members of one collection; beyond that the server is not counting straight.
MEMBER_LIMIT = 10_000
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 5.0

#: The connection was refused, or broken off: by a service that restarts, as a rule.
DROPPED = (ConnectionError, http.client.RemoteDisconnected, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class ApiClient:
    """Reads and changes what the API of one node shows, over one HTTPS connection.

    ``pins`` holds SHA-256 fingerprints (hex, of DER) of the leaf that Web Admin may present; ``ca_pem`` verifies chain
    and name instead. One of the two is needed (S11), and a pin is looked at before any credential is sent. ``timeout``
    is in seconds, for connecting and for each answer. ``wait`` is how many seconds an answer of 503, or a connection
    that is refused or broken off, is tried again: a Call Bridge that starts answers so, and a Web Admin that restarts
    is gone meanwhile. It may come back with any of the leaves that ``pins`` names, and with no other.

    ``state`` says how the last request ended, in the words of the survey. After a refused login every further request
    fails without asking the node again: accounts lock (S12).
    """

    def __init__(
        self,
        base_host: str,
        port: int,
        user: str,
        password: str,
        *,
        pins: Iterable[str] = (),
        ca_pem: str | None = None,
        timeout: float = 15.0,
        wait: float = 0.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if ":" in user:
            raise BadOption("API user", "the name holds a colon, which HTTP Basic cannot carry", "use another user")
        host = base_host.strip("[]")
        self.base = f"https://{f'[{host}]' if ':' in host else host}:{port}"
        self.state = OK
        self.detail = ""
        self._wait = wait
        self._sleep = sleep
        self._clock = clock
        self._refused: ApiProblem | None = None
        self._headers = {
            "Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii"),
            "Accept": "text/xml",
            "Accept-Encoding": "identity",
        }
        known = frozenset(pin.lower().replace(":", "") for pin in pins)
        if not known and not ca_pem:
            raise self._problem(
                UNAVAILABLE,
                "there is nothing to verify Web Admin with",
                "give a CA bundle, or let the survey read the assigned certificate over SSH",
            )
        self._connection = VerifiedConnection(
            host, port, tls_context(bool(known), ca_pem, self.base), timeout, pin_check(known, self.base)
        )

    def __repr__(self) -> str:
        return f"ApiClient({self.base})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def connections(self) -> int:
        """Say how many times this client shook hands."""
        return self._connection.handshakes

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def get(self, path: str, *, query: dict[str, int] | None = None, missing_ok: bool = False) -> Element | None:
        """Read one object or one page of a collection below ``/api/v1/``.

        Gives None for an object the server does not have, when ``missing_ok`` says so. Raises ApiProblem.
        """
        status, body = self._get(path, query)
        root = self._parse(path, body) if status == 200 and body.strip() else None
        failure = failures_in(root if status == 200 else self._parse_leniently(path, body))
        if says_missing(status, failure):
            if missing_ok:
                return None
            raise self._missing(path, failure)
        if status != 200 or failure:
            raise self._refusal(path, status, failure, "look at the event log in Web Admin")
        if root is None:
            raise self.nonsense(path, "answered with nothing")
        if root.tag.lower() == "html":
            raise self.nonsense(path, "answered with a web page")
        return root

    def send(self, method: str, path: str, form: Mapping[str, str] | None = None) -> str | None:
        """Change something: PUT, POST or DELETE ``path``, with the fields of ``form``; an empty field unsets one.

        Gives the path below ``/api/v1/`` of what a POST made, where the server says it. A request is sent once: where
        it was sent and its answer did not come, the ApiProblem that is raised says ``lost``. What the server refuses
        is an ApiProblem with its ``failures``.
        """
        target = PREFIX + path
        body = urlencode(form or {}) if method != "DELETE" else None
        status, headers, answer = self._patiently(path, lambda: self._exchange_once(method, target, body))
        root = self._parse_leniently(path, answer)
        failure = failures_in(root)
        if says_missing(status, failure):
            raise self._missing(path, failure)
        if status >= 500:
            raise self._lost(path, f"answered HTTP {status} to a {method}")
        if status not in (200, 201, 204) or failure:
            step = "look at the values; the API names the one that it does not take"
            raise self._refusal(path, status, failure, step, details_in(root))
        if root is not None and root.tag.lower() == "html":
            raise self._lost(path, f"answered with a web page to a {method}")
        where = urlsplit(str(headers.get("Location") or "")).path
        return where.removeprefix(PREFIX) if where.startswith(PREFIX) else None

    def collection(self, name: str, member: str, *, at: str | None = None, missing_ok: bool = False) -> list[Element]:
        """Read all members of a collection, page by page until as many were read as the server says there are.

        ``at`` is its path, where that is not its name. A page may be shorter than asked for, and the cap differs
        between collections.
        """
        path = at or name
        found: dict[str, Element] = {}
        while True:
            root = self.get(path, query={"limit": PAGE, "offset": len(found)}, missing_ok=missing_ok)
            if root is None:
                return []
            if root.tag.lower() != name.lower():
                raise self.nonsense(path, f"answered with <{root.tag[:40]}>")
            total = number(root.get("total"))
            if total is None or total > MEMBER_LIMIT:
                raise self.nonsense(path, f"says it has {str(root.get('total'))[:20]!r} members")
            before = len(found)
            for element in root:
                ident = element.get("id")
                if element.tag.lower() != member.lower() or not ident:
                    raise self.nonsense(path, f"holds <{element.tag[:40]}> where <{member}> with an id was expected")
                found[ident] = element
            if len(found) >= total:
                return list(found.values())
            if len(found) == before:
                raise self.nonsense(path, f"says it has {total} members and gives {len(found)}")

    def nonsense(self, path: str, what: str) -> ApiProblem:
        """Make the error for an answer that no Meeting Server gives."""
        return self._problem(
            NONSENSE,
            f"{path}: {what}",
            "check that the address is Web Admin of a Meeting Server, with no proxy between",
        )

    def _problem(self, state: str, reason: str, next_step: str) -> ApiProblem:
        self.state = state
        problem = ApiProblem(f"API {self.base}", reason, next_step)
        self.detail = str(problem)
        return problem

    def _refusal(self, path: str, status: int, failure: list[str], step: str, details: str = "") -> ApiProblem:
        why = f" ({', '.join(failure)}{details})" if failure else ""
        problem = self._problem(UNAVAILABLE, f"{path}: answered HTTP {status}{why}", step)
        problem.failures = tuple(failure)
        return problem

    def _missing(self, path: str, failure: list[str]) -> ApiProblem:
        problem = self._problem(
            UNAVAILABLE, f"{path}: no such object on this server", "check that the node runs a Call Bridge"
        )
        problem.failures = tuple(failure) or (MISSING,)
        return problem

    def _lost(self, path: str, why: str) -> ApiProblem:
        problem = self._problem(
            UNAVAILABLE,
            f"{path}: {why}; whether the change was carried out is not known",
            "run again: what is there is read before anything is sent",
        )
        problem.lost = True
        return problem

    def _get(self, path: str, query: dict[str, int] | None) -> tuple[int, bytes]:
        """Send one GET, again after 503 while ``wait`` lasts; the status and the body come back."""
        target = PREFIX + path + (f"?{urlencode(query)}" if query else "")
        status, _headers, body = self._patiently(path, lambda: self._exchange(target))
        return status, body

    def _patiently(
        self, path: str, exchange: Callable[[], tuple[int, http.client.HTTPMessage, bytes]]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Have a request answered, again while ``wait`` lasts and the service behind the API is on its way up."""
        if self._refused is not None:
            raise self._refused
        until = self._clock() + self._wait
        pause = FIRST_PAUSE
        while True:
            try:
                status, headers, body = exchange()
                if status != 503:
                    self._judge(path, status, headers)
                    self.state, self.detail = OK, ""
                    return status, headers, body
                problem = self._problem(
                    UNAVAILABLE, f"{path}: answered HTTP 503", "wait until the Call Bridge has started, or start it"
                )
            except DROPPED as error:
                self.close()
                problem = self._problem(
                    UNAVAILABLE,
                    f"the connection was refused or dropped ({type(error).__name__})",
                    "check that Web Admin is enabled and listens on this address and port",
                )
            if self._clock() + pause > until:
                raise problem
            self._sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _judge(self, path: str, status: int, headers: http.client.HTTPMessage) -> None:
        """Raise for what is neither an answer nor worth asking again."""
        if status in (401, 403):
            self.close()
            self._refused = self._problem(
                UNAUTHORIZED,
                f"unauthorized: the user is not let in (HTTP {status}); it was asked once",
                "check name and password; a new user has to change its password at its first login before the API"
                " accepts it",
            )
            raise self._refused
        if 300 <= status < 400:
            self.close()
            where = str(headers.get("Location", ""))[:100]
            raise self._problem(
                NONSENSE,
                f"{path}: answered with a redirect to {where!r}, which is not followed",
                "use the address and port of Web Admin itself",
            )

    def _exchange(self, target: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send one request and read its answer, on a new connection if the old one turns out to be closed."""
        connection = self._connection
        try:
            if connection.sock is not None and connection.used:
                try:
                    return self._once(target)
                except DROPPED:
                    # The server may close an idle connection whenever it likes; a GET can be sent again.
                    connection.close()
            return self._once(target)
        except (*DROPPED, ApiProblem):
            raise
        except (OSError, http.client.HTTPException, ValueError, zlib.error) as error:
            self.close()
            raise self._trouble(error) from error

    def _exchange_once(self, method: str, target: str, body: str | None) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send a change and read its answer. What fails after it was sent is ``lost``; before, it can be sent again."""
        connection = self._connection
        if connection.sock is not None and connection.ended():
            connection.close()
        connection.sent = False
        try:
            return self._speak(method, target, body)
        except ApiProblem as error:
            error.lost = connection.sent
            raise
        except (OSError, http.client.HTTPException, ValueError, zlib.error) as error:
            self.close()
            if connection.sent:
                raise self._lost(
                    target.removeprefix(PREFIX), f"no answer to a {method} ({type(error).__name__})"
                ) from error
            if isinstance(error, DROPPED):
                raise
            raise self._trouble(error) from error

    def _trouble(self, error: Exception) -> ApiProblem:
        """Make the error for a connection that cannot be used."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return self._problem(
                UNAVAILABLE,
                f"the certificate of Web Admin is not accepted: {error.verify_message}; no credentials were sent",
                "check the CA bundle and the name, or let the leaf be pinned over SSH",
            )
        if isinstance(error, TimeoutError):
            return self._problem(
                UNAVAILABLE, "no complete answer in time", "check the way to the node, or give it more time"
            )
        if isinstance(error, OSError):
            return self._problem(
                UNAVAILABLE, f"cannot connect ({error.strerror or error})", "check address, port and firewall"
            )
        return self._problem(
            NONSENSE,
            f"the answer is not HTTP as it should be ({type(error).__name__})",
            "check that the address is Web Admin of a Meeting Server, with no proxy between",
        )

    def _once(self, target: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        return self._speak("GET", target, None)

    def _speak(self, method: str, target: str, form: str | None) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send one request on the connection, which is made when there is none, and read the answer."""
        connection = self._connection
        if connection.sock is None:
            try:
                connection.connect()
            except ApiProblem as error:
                self.state, self.detail = UNAVAILABLE, str(error)
                raise
        connection.start_clock()
        more = {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
        connection.sent = True
        connection.request(method, target, form, headers={**self._headers, **more})
        answer = connection.getresponse()
        body = answer.read(BODY_LIMIT + 1)
        if answer.length and len(body) <= BODY_LIMIT:
            # A read with a limit says nothing about an end that came too early.
            raise http.client.IncompleteRead(body, answer.length)
        if answer.headers.get("Content-Encoding", "identity").lower() == "gzip":
            body = zlib.decompressobj(wbits=31).decompress(body, BODY_LIMIT + 1)
        if len(body) > BODY_LIMIT:
            self.close()
            raise self._problem(
                NONSENSE,
                f"an answer is longer than {BODY_LIMIT} bytes",
                "check that the address is Web Admin of a Meeting Server, with no proxy between",
            )
        connection.used = True
        return answer.status, answer.headers, body

    def _parse(self, path: str, body: bytes) -> Element:
        """Read XML; entities and document types are refused, an attacker's tools and no Meeting Server's."""
        if "defusedxml" not in globals():
            raise MissingLibrary(
                "the REST API", "the Python library defusedxml is not installed", "pip install defusedxml"
            )
        try:
            root: Element = defusedxml.ElementTree.fromstring(body, forbid_dtd=True)
        except (ParseError, ValueError, LookupError) as error:
            raise self.nonsense(path, "answered with something that is not XML") from error
        return root

    def _parse_leniently(self, path: str, body: bytes) -> Element | None:
        """Read the body of an error, whose status says enough when the body says nothing."""
        try:
            return self._parse(path, body) if body.strip() else None
        except ApiProblem:
            return None
