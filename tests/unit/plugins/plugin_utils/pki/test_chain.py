# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Building chains."""

from __future__ import annotations

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.certops.cms.plugins.plugin_utils._pki import chain, keys
from tests.unit.plugins.plugin_utils.pki import making
from tests.unit.plugins.plugin_utils.pki.making import DAY, NOW

ROOT = making.root()
UPPER = ROOT.sub_ca("Example Upper")
LOWER = UPPER.sub_ca("Example Lower")
LEAF = LOWER.issue()
CERTS = [made.cert for made in (LEAF, LOWER, UPPER, ROOT)]
STRANGERS = [making.root(f"Stranger {number}").cert for number in range(3)]


def only_problem(made: chain.Chain) -> chain.Problem:
    assert not made.anchored
    assert made.anchor is None
    [problem] = made.problems
    return problem


@given(st.permutations([*CERTS[1:3], *STRANGERS]))
def test_a_chain_is_built_from_a_pool_in_any_order(pool: list[x509.Certificate]) -> None:
    made = chain.build(LEAF.cert, pool, [ROOT.cert, *STRANGERS], NOW)
    assert list(made.certificates) == CERTS
    assert made.anchor == ROOT.cert
    assert made.problems == ()


@pytest.mark.parametrize("anchor", [LEAF, LOWER, UPPER])
def test_a_partial_chain_ends_at_a_pinned_certificate_only_where_allowed(anchor: making.Made) -> None:
    made = chain.build(LEAF.cert, CERTS[1:], [anchor.cert], NOW)
    assert made.anchored
    assert made.certificates[-1] == anchor.cert
    refused = chain.build(LEAF.cert, CERTS[1:], [anchor.cert], NOW, partial=False)
    assert only_problem(refused).rule == "anchor-not-trusted"


def test_a_missing_intermediate_is_named() -> None:
    problem = only_problem(chain.build(LEAF.cert, [LOWER.cert], [ROOT.cert], NOW))
    assert problem.rule == "chain-not-built"
    assert problem.certificate == "CN=Example Lower"
    assert "CN=Example Upper is missing" in problem.found


def test_a_ca_of_the_same_name_with_another_key_is_not_the_issuer() -> None:
    impostor = ROOT.sub_ca("Example Lower", identifiers=False)
    problem = only_problem(chain.build(LEAF.cert, [impostor.cert], [ROOT.cert], NOW))
    assert problem.rule == "signature-invalid"
    assert problem.certificate == "CN=core1.example.com"


def test_an_untrusted_root_is_named() -> None:
    problem = only_problem(chain.build(LEAF.cert, CERTS[1:], STRANGERS, NOW))
    assert problem.rule == "anchor-not-trusted"
    assert problem.certificate == "CN=Example Root"


def test_a_self_signed_leaf_counts_only_where_it_is_pinned() -> None:
    alone = making.make("core1.example.com")
    assert chain.build(alone.cert, [], [alone.cert], NOW).anchored
    assert only_problem(chain.build(alone.cert, [], [ROOT.cert], NOW)).rule == "anchor-not-trusted"


def test_of_cross_signed_paths_the_one_with_good_dates_is_taken() -> None:
    other = making.root("Other Root")
    crossed = other.sub_ca("Example Upper", key=UPPER.key)
    expired = ROOT.sub_ca("Example Upper", key=UPPER.key, start=NOW - 90 * DAY, end=NOW - DAY)
    for pool in ([expired.cert, crossed.cert], [crossed.cert, expired.cert]):
        made = chain.build(LEAF.cert, [LOWER.cert, *pool], [ROOT.cert, other.cert], NOW)
        assert made.certificates == (LEAF.cert, LOWER.cert, crossed.cert, other.cert)


def test_cas_that_signed_each_other_end_the_search() -> None:
    one, two = making.root("One"), making.root("Two")
    one_by_two = two.sub_ca("One", key=one.key)
    two_by_one = one.sub_ca("Two", key=two.key)
    leaf = one.issue()
    assert not chain.build(leaf.cert, [one_by_two.cert, two_by_one.cert], [ROOT.cert], NOW).anchored
    assert chain.build(leaf.cert, [one_by_two.cert, two_by_one.cert], [two.cert], NOW).anchored


def test_a_chain_of_more_than_ten_is_refused() -> None:
    cas = [making.root("CA 0")]
    for number in range(1, 12):
        cas.append(cas[-1].sub_ca(f"CA {number}"))
    pool = [made.cert for made in cas]
    assert chain.build(cas[8].issue().cert, pool, [cas[0].cert], NOW).anchored
    for below in (9, 11):
        problem = only_problem(chain.build(cas[below].issue().cert, pool, [cas[0].cert], NOW))
        assert problem.rule == "chain-too-long"


def test_many_cas_of_one_name_do_not_keep_the_search_busy() -> None:
    key = keys.generate_key("ecdsa")
    cas = [
        making.make("Same", ca=True, identifiers=False, key=keys.generate_key("ecdsa")).cert for _number in range(60)
    ]
    leaf = making.make("Same", ca=True, key=key).issue()
    made = chain.build(leaf.cert, cas, [ROOT.cert], NOW)
    assert not made.anchored


@pytest.mark.parametrize(("before", "stopped_at"), [(398, ""), (399, "CN=Same"), (400, "CN=core1.example.com")])
def test_signatures_are_tried_up_to_a_bound(before: int, stopped_at: str) -> None:
    stranger = making.make("Same", ca=True)
    decoys = [making.make("Same", ca=True, key=stranger.key).cert for _number in range(before)]
    issuer = ROOT.sub_ca("Same")
    made = chain.build(issuer.issue().cert, [*decoys, issuer.cert], [ROOT.cert], NOW)
    assert made.anchored is not bool(stopped_at)
    for problem in made.problems:
        assert (problem.rule, problem.certificate) == ("chain-not-built", stopped_at)
        assert "too many certificates carry the same names" in problem.found


def test_a_chain_that_only_leads_back_says_so() -> None:
    one, two, three = making.root("One"), making.root("Two"), making.root("Three")
    crossed = [two.sub_ca("One", key=one.key), one.sub_ca("Two", key=two.key), three.sub_ca("One", key=one.key)]
    pool = [made.cert for made in (*crossed, making.root("One"))]
    problems = [found.problems[0] for found in chain.candidates(one.issue().cert, pool, [ROOT.cert])]
    assert "its issuer CN=One leads back into the chain" in [problem.found for problem in problems]
    assert {problem.rule for problem in problems} == {"chain-not-built"}


def test_a_certificate_that_claims_to_have_signed_itself_and_did_not_is_named() -> None:
    forged = making.make("core1.example.com", issuer=LOWER, issuer_name=making.name("core1.example.com"))
    problem = only_problem(chain.build(forged.cert, [], [ROOT.cert], NOW))
    assert problem.rule == "signature-invalid"


def test_a_trusted_certificate_below_the_root_is_named_where_only_roots_count() -> None:
    trusted = only_problem(chain.build(LEAF.cert, [LOWER.cert], [UPPER.cert], NOW, partial=False))
    assert "is trusted, but the chain does not end at a root" in trusted.found
    unknown = only_problem(chain.build(LEAF.cert, [LOWER.cert, UPPER.cert], STRANGERS, NOW, partial=False))
    assert "CN=Example Root is missing" in unknown.found
    assert "CN=Example Root is missing" in only_problem(chain.build(LEAF.cert, [LOWER.cert, UPPER.cert], [], NOW)).found


def test_a_ca_that_has_rolled_its_key_is_followed_to_its_old_one() -> None:
    old = ROOT.sub_ca("Rolling")
    new = old.sub_ca("Rolling")
    leaf = new.issue()
    for pool in ([new.cert, old.cert], [old.cert, new.cert]):
        made = chain.build(leaf.cert, pool, [ROOT.cert], NOW)
        assert made.certificates == (leaf.cert, new.cert, old.cert, ROOT.cert)


def test_of_two_certificates_of_a_ca_the_one_with_the_key_identifier_is_taken() -> None:
    strange = (x509.SubjectKeyIdentifier(b"another way to count"), False)
    other = ROOT.sub_ca("Example Upper", key=UPPER.key, identifiers=False, extra=(strange,))
    for pool in ([other.cert, UPPER.cert], [UPPER.cert, other.cert]):
        made = chain.build(LEAF.cert, [LOWER.cert, *pool], [ROOT.cert], NOW)
        assert list(made.certificates) == CERTS


def test_names_that_differ_in_case_and_blanks_only_still_chain() -> None:
    leaf = ROOT.issue(issuer_name=making.name("example  ROOT"))
    assert chain.build(leaf.cert, [], [ROOT.cert], NOW).anchored


def test_both_ends_of_the_validity_belong_to_it() -> None:
    cert = making.make("x", start=NOW, end=NOW + DAY).cert
    second = DAY / 86400
    assert chain.date_problem(cert, NOW) is None
    assert chain.date_problem(cert, NOW + DAY) is None
    early, late = chain.date_problem(cert, NOW - second), chain.date_problem(cert, NOW + DAY + second)
    assert early is not None
    assert early.rule == "certificate-not-yet-valid"
    assert late is not None
    assert late.rule == "certificate-expired"
