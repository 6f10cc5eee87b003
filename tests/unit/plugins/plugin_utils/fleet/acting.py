# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carrying a plan out on a fleet on paper, one small act after the other, so that a test can kill it anywhere."""

from __future__ import annotations

import copy
import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.certops.cms.plugins.plugin_utils._fleet.given import IssuerFacts
from tests.unit.plugins.plugin_utils.fleet.paper import Authority, File, Node, fingerprint, info, make_csr

COMMANDS = {
    "webadmin certs": "webadmin",
    "callbridge certs": "callbridge",
    "webbridge3 https certs": "webbridge3_https",
    "webbridge3 c2w certs": "webbridge3_c2w",
    "turn certs": "turn",
    "meetingapps https certs": "meetingapps",
    "recorder sip certs": "recorder",
    "streamer sip certs": "streamer",
    "scheduler https certs": "scheduler_https",
    "scheduler c2w certs": "scheduler_c2w",
}
#: Which services read what a command of trust sets.
TRUST_COMMANDS = {
    "callbridge trust c2w": [("callbridge", "c2w")],
    "callbridge trust cluster": [("callbridge", "cluster")],
    "webbridge3 c2w trust": [("webbridge3", "c2w")],
    "scheduler c2w trust": [("scheduler", "c2w")],
    "uploader cms trust": [("uploader", "cms")],
    "tls sip trust": [("callbridge", "sip"), ("recorder", "sip"), ("streamer", "sip")],
}


class Acting:
    """What a run does to a fleet; the fleet itself is in the kit."""

    nodes: dict[str, Node]
    generations: dict[str, list[dict[str, Any]]]
    authorities: dict[str, Authority]
    issuers: dict[str, IssuerFacts]
    issued: Counter[str]
    done: set[str]
    rollout: int | None

    def carry_out(self, plan: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Do what a plan says, one small act after the other; each is yielded as (node, what) after it happened.

        Whoever stops taking acts has killed the run there. Settings are noted before they are stored, restarts before
        they happen and after they were seen, as the engine does it.
        """
        self.done = set()
        if plan["rounds"] and plan["intent"] in ("site", "renew"):
            self.rollout = (self.rollout or 0) + 1
        for entry in plan["rounds"]:
            if entry["name"] == "issue":
                for identity in plan["identities"]:
                    if self._issue(identity):
                        yield "", f"issue {identity['base']}"
            for host in entry["hosts"]:
                for batch in entry["batches"][host]:
                    missing = set(batch["requires"]) - self.done
                    assert not missing, f"{batch['id']} comes before {missing}"
                    yield from self._batch(plan, self.nodes[host], batch)
                    self.done.add(batch["id"])
                    yield host, f"done {batch['id']}"

    def run(self, plan: dict[str, Any]) -> list[tuple[str, str]]:
        return list(self.carry_out(plan))

    def _batch(self, plan: dict[str, Any], node: Node, batch: dict[str, Any]) -> Iterator[tuple[str, str]]:
        service = batch["service"]
        waiting = any(not record.get("rides") for record in node.pending.get(service, {}).values())
        settings = [step for step in batch["steps"] if step["kind"] in ("assign", "trust")]
        left = [step for step in settings if self._setting(node, step) != _target(step)]
        restart = bool(left) or waiting or not settings
        for step in batch["steps"]:
            kind = step["kind"]
            if kind == "csr" and not step["resume"]:
                node.made |= {f"{step['base']}.key", f"{step['base']}.csr"}
                yield node.name, "note the files"
                self._pki_csr(node, step["command"])
                yield node.name, step["command"]
            if kind == "csr":
                self._keep_request(plan, node, step)
                yield node.name, "keep the request"
            elif kind == "upload":
                node.made.add(step["file"])
                yield node.name, f"note {step['file']}"
                self._upload(plan, node, step)
                yield node.name, f"upload {step['file']}"
            elif kind == "remove":
                assert step["file"] not in self.named(node.name)
                del node.files[step["file"]]
                node.made.discard(step["file"])
                yield node.name, f"remove {step['file']}"
            elif kind == "disable" and restart and node.enabled[service]:
                self._restarting(node, service)
                yield node.name, "note the restart"
                node.enabled[service] = False
                yield node.name, step["command"]
            elif kind in ("assign", "trust") and step in left:
                yield from self._set(plan, node, batch, step)
            elif kind == "restart" and restart:
                self._restarting(node, service)
                yield node.name, "note the restart"
                node.enabled[service] = True
                node.start(service)
                node.restarts[service] += 1
                yield node.name, f"restart {service}"
                node.pending.pop(service, None)
                yield node.name, "note that it was seen"
            elif kind == "prove" and step["proof"] == "tls":
                self._prove(plan, node, step)
        if not any(step["kind"] == "restart" for step in batch["steps"]) and service and not node.enabled[service]:
            node.pending.pop(service, None)

    def _prove(self, plan: dict[str, Any], node: Node, step: dict[str, Any]) -> None:
        """The leaf that must be served is that of the new identity, the one the step names, or the one before."""
        leaf = fingerprint(node.running[step["slot"]][0])
        if step["identity"]:
            wanted = self.generation(plan, step["identity"])["leaf"]["sha256"]
        else:
            wanted = step.get("leaf") or self._given_by(plan, node, step["slot"])
        assert wanted in (None, leaf), f"{node.name} {step['slot']} serves another leaf than the plan expects"

    def _given_by(self, plan: dict[str, Any], node: Node, slot: str) -> str | None:
        """A later restart of the same plan must find what the plan itself assigned, else what was there before."""
        for identity in plan["identities"]:
            if [node.name, slot] in identity["slots"] and node.slots[slot]["key"] == identity["files"]["key"]:
                return str(self.generation(plan, identity["id"])["leaf"]["sha256"])
        served: str | None = plan["nodes"][node.name]["before"][slot]["served"]
        return served

    def _setting(self, node: Node, step: dict[str, Any]) -> Any:
        if step["kind"] == "trust":
            return node.trusts.get((step["service"], step["trust"]))
        return node.slots.get(step["slot"])

    def _set(
        self, plan: dict[str, Any], node: Node, batch: dict[str, Any], step: dict[str, Any]
    ) -> Iterator[tuple[str, str]]:
        """Store one setting: what the command says, not what the step's other fields say."""
        setting = f"slot:{step['slot']}" if step["kind"] == "assign" else f"trust:{step['trust']}"
        records = node.pending.setdefault(step["service"], {})
        before = records[setting]["before"] if setting in records else step["before"]
        assert self._setting(node, step) in (step["before"], before, None) or not any((step["before"] or {}).values())
        records[setting] = {
            "setting": setting,
            "plan": plan["id"],
            "batch": batch["id"],
            "files": _target(step),
            "before": before,
            "command": step["command"],
            "phase": "stored",
            "rides": bool(step.get("rides")),
        }
        if step.get("marks"):
            self._mark(plan, step)
        if plan["intent"] != "rollback":
            change = {"plan": plan["id"], "rollout": self.rollout, "files": _target(step), "before": before}
            node.replaced.setdefault(f"{step['service']}/{setting}", []).append({**change, "was": step.get("was")})
        for user in step.get("users", []):
            others = node.pending.setdefault(user["service"], {})
            kept = others[setting]["before"] if setting in others else step["before"]
            others[setting] = {**records[setting], "before": kept, "rides": user["rides"]}
        yield node.name, f"note {setting}"
        command, files = _split_command(step["command"])
        assert all(file in node.files for file in files), f"{step['command']} names a file that is not there"
        if command in TRUST_COMMANDS:
            for reader in TRUST_COMMANDS[command]:
                if reader[0] in node.services:
                    node.trusts[reader] = files[0]
        else:
            key, certificate, *rest = files
            assert node.files[key].kind == "key"
            node.slots[COMMANDS[command]] = {"key": key, "certificate": certificate, "bundle": next(iter(rest), None)}
        yield node.name, step["command"]
        if step["kind"] == "trust":
            for change in plan["trusts"]:
                if (change["node"], change["service"], change["trust"]) == (node.name, step["service"], step["trust"]):
                    added = node.trust_added.setdefault(f"{step['service']}/{step['trust']}", [])
                    added += [sha for sha in self._fingerprints(change["add"]) if sha not in added]

    def _mark(self, plan: dict[str, Any], step: dict[str, Any]) -> None:
        """What a rollback replaces is marked in the store."""
        ident, base = step["marks"]
        generation = next(found for found in self.generations[ident] if found["base"] == base)
        shown = {*(generation.get("put_back") or {"in_place": []})["in_place"], step["leaf"]["sha256"]}
        reason = plan["back"][0]["reason"]
        generation["put_back"] = {"in_place": sorted(shown), "reason": reason, "plan": plan["id"]}

    @staticmethod
    def _restarting(node: Node, service: str) -> None:
        for record in node.pending.setdefault(service, {"restart": {"setting": "restart"}}).values():
            record["phase"] = "restarting"

    def _fingerprints(self, entries: Iterable[str]) -> list[str]:
        return [
            sha
            for entry in entries
            for sha in (self.authorities[entry[7:]].fingerprints if entry.startswith("issuer:") else [entry])
        ]

    def named(self, host: str) -> set[str]:
        """The files that settings of a node name."""
        node = self.nodes[host]
        return {f for files in node.slots.values() for f in files.values() if f} | {
            f for f in node.trusts.values() if f
        }

    # Keys, requests, issuing -----------------------------------------------------------------------------------------

    def _pki_csr(self, node: Node, command: str) -> None:
        base = command.split()[2]
        assert not any(name.partition(".")[0] == base for name in node.files), f"{base} exists already"
        node.put(f"{base}.key", "key")
        node.keys[base] = ec.generate_private_key(ec.SECP256R1())
        attributes = dict(part.split(":", 1) for part in _words(command)[3:])
        names = [attributes["CN"], *filter(None, attributes.pop("subjectAltName", "").split(","))]
        subject = {key: value.strip('"') for key, value in attributes.items()}
        node.files[f"{base}.csr"] = File("csr", csr=make_csr(subject, names, node.keys[base]))

    def _keep_request(self, plan: dict[str, Any], node: Node, step: dict[str, Any]) -> None:
        identity = next(found for found in plan["identities"] if found["id"] == step["identity"])
        assert identity["base"] == step["base"]
        known = self.generations.setdefault(identity["id"], [])
        if all(generation["base"] != step["base"] for generation in known):
            facts = {"base": step["base"], "state": "requested", "request": copy.deepcopy(identity["request"])}
            known.append({**facts, "leaf": None, "chain": []})

    def _issue(self, identity: dict[str, Any]) -> bool:
        known = self.generations.setdefault(identity["id"], [])
        found = next((g for g in known if g["base"] == identity["base"]), None)
        if found is None:
            assert identity["key"]["where"] == "control", "the key of this identity is made on its node"
            found = {"base": identity["base"], "state": "requested", "request": copy.deepcopy(identity["request"])}
            known.append(found)
        if found["state"] == "issued":
            return False
        issuer = self.authorities[identity["issuer"]]
        self.issuers[identity["issuer"]] = dataclasses.replace(
            self.issuers[identity["issuer"]], anchors=issuer.pems, will_create=False
        )
        leaf = issuer.issue(
            identity["subject"]["CN"], names=identity["names"], eku=identity["eku"], ends=200, ku=identity["ku"]
        )
        found.update(state="issued", leaf=info(leaf.pem), chain=[leaf.pem, *issuer.pems])
        self.issued[identity["id"]] += 1
        return True

    def generation(self, plan: dict[str, Any], ident: str) -> dict[str, Any]:
        identity = next(found for found in plan["identities"] if found["id"] == ident)
        return next(g for g in self.generations[ident] if g["base"] == identity["base"])

    def _upload(self, plan: dict[str, Any], node: Node, step: dict[str, Any]) -> None:
        content = step["content"]
        if "trust" in content:
            change = plan["trusts"][content["trust"]]
            pems = [plan["certificates"][sha] for sha in change["keep"]]
            for entry in change["add"]:
                known = entry.startswith("issuer:")
                pems += self.authorities[entry[7:]].pems if known else [plan["certificates"][entry]]
            new = File("certificate", pems)
        elif content["part"] == "key":
            new = File("key")
        else:
            leaf, *chain = self.generation(plan, content["identity"])["chain"]
            new = File(
                "certificate", {"certificate": [leaf], "bundle": chain, "fullchain": [leaf, *chain]}[content["part"]]
            )
        old = node.files.get(step["file"])
        assert old is None or (step["file"] not in self.named(node.name)) or old.pems == new.pems, "S3"
        node.files[step["file"]] = new


def _words(command: str) -> list[str]:
    """Split a command at blanks outside quotes."""
    words, quoted = [""], False
    for char in command:
        quoted ^= char == '"'
        if char == " " and not quoted:
            words.append("")
        else:
            words[-1] += char
    return words


def _split_command(text: str) -> tuple[str, list[str]]:
    for command in [*COMMANDS, *TRUST_COMMANDS]:
        if text.startswith(command + " "):
            return command, text[len(command) :].split()
    raise AssertionError(f"no such command: {text}")


def _target(step: dict[str, Any]) -> Any:
    return step["file"] if step["kind"] == "trust" else step["files"]
