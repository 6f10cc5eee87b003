# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A read-only client for the REST API behind Web Admin.

Facts about the transport: database and API reference, section 5.1.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import base64
import http.client
import ssl
import time
import zlib
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self
from urllib.parse import urlencode
from xml.etree.ElementTree import Element, ParseError

from .._errors import ApiProblem, BadOption, MissingLibrary
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


class ApiClient:
    """Reads the API of one node over one HTTPS connection.

    ``pins`` holds SHA-256 fingerprints (hex, of DER) of the leaf that Web Admin may present; ``ca_pem`` verifies chain
    and name instead. One of the two is needed (S11), and a pin is looked at before any credential is sent. ``timeout``
    is in seconds, for connecting and for each answer. ``wait`` is how many seconds an answer of 503, or a connection
    that is refused, is tried again: a Call Bridge that starts answers so.

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
        failure = _failure(root if status == 200 else self._parse_leniently(path, body))
        if status == 404 or "unrecognisedObject" in failure or any(name.endswith("DoesNotExist") for name in failure):
            if missing_ok:
                return None
            raise self._problem(
                UNAVAILABLE, f"{path}: no such object on this server", "check that the node runs a Call Bridge"
            )
        if status != 200 or failure:
            why = f" ({', '.join(failure)})" if failure else ""
            raise self._problem(
                UNAVAILABLE, f"{path}: answered HTTP {status}{why}", "look at the event log in Web Admin"
            )
        if root is None:
            raise self.nonsense(path, "answered with nothing")
        if root.tag.lower() == "html":
            raise self.nonsense(path, "answered with a web page")
        return root

    def collection(self, path: str, member: str, *, missing_ok: bool = False) -> list[Element]:
        """Read all members of a collection, page by page until as many were read as the server says there are.

        A page may be shorter than asked for, and the cap differs between collections.
        """
        found: dict[str, Element] = {}
        while True:
            root = self.get(path, query={"limit": PAGE, "offset": len(found)}, missing_ok=missing_ok)
            if root is None:
                return []
            if root.tag.lower() != path.lower():
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

    def _get(self, path: str, query: dict[str, int] | None) -> tuple[int, bytes]:
        """Send one GET, again after 503 while ``wait`` lasts; the status and the body come back."""
        if self._refused is not None:
            raise self._refused
        target = PREFIX + path + (f"?{urlencode(query)}" if query else "")
        until = self._clock() + self._wait
        pause = FIRST_PAUSE
        while True:
            try:
                status, headers, body = self._exchange(target)
                if status != 503:
                    self._judge(path, status, headers)
                    self.state, self.detail = OK, ""
                    return status, body
                problem = self._problem(
                    UNAVAILABLE, f"{path}: answered HTTP 503", "wait until the Call Bridge has started, or start it"
                )
            except (ConnectionError, http.client.RemoteDisconnected) as error:
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
                except (ConnectionError, http.client.RemoteDisconnected):
                    # The server may close an idle connection whenever it likes; a GET can be sent again.
                    connection.close()
            return self._once(target)
        except (ConnectionError, http.client.RemoteDisconnected, ApiProblem):
            raise
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise self._problem(
                UNAVAILABLE,
                f"the certificate of Web Admin is not accepted: {error.verify_message}; no credentials were sent",
                "check the CA bundle and the name, or let the leaf be pinned over SSH",
            ) from error
        except TimeoutError as error:
            self.close()
            raise self._problem(
                UNAVAILABLE, "no complete answer in time", "check the way to the node, or give it more time"
            ) from error
        except OSError as error:
            self.close()
            raise self._problem(
                UNAVAILABLE, f"cannot connect ({error.strerror or error})", "check address, port and firewall"
            ) from error
        except (http.client.HTTPException, ValueError, zlib.error) as error:
            self.close()
            raise self._problem(
                NONSENSE,
                f"the answer is not HTTP as it should be ({type(error).__name__})",
                "check that the address is Web Admin of a Meeting Server, with no proxy between",
            ) from error

    def _once(self, target: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = self._connection
        if connection.sock is None:
            try:
                connection.connect()
            except ApiProblem as error:
                self.state, self.detail = UNAVAILABLE, str(error)
                raise
        connection.start_clock()
        connection.request("GET", target, headers=self._headers)
        answer = connection.getresponse()
        body = answer.read(BODY_LIMIT + 1)
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


def number(text: str | None) -> int | None:
    """Read a count that is zero or more; None for anything else."""
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _failure(root: Element | None) -> list[str]:
    """Give the reasons in ``<failureDetails>``; the names of the elements are what can be relied on."""
    if root is None or root.tag != "failureDetails":
        return []
    return [element.tag[:60] for element in root.iter() if element is not root] or ["failureDetails"]
