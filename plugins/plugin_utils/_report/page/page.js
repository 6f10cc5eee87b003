/*
Copyright (c) 2026 certops.cms contributors
GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
*/
"use strict";
(() => {
  const body = document.querySelector("#table tbody");
  const rows = [...body.rows];
  const form = document.getElementById("filter");
  const words = document.getElementById("words");
  const kind = document.getElementById("kind");
  const state = document.getElementById("state");
  const counted = document.getElementById("counted");
  let texts = null;

  const textOf = (row) => {
    const code = row.querySelector("code");
    return (row.textContent + " " + (code ? code.title : "")).toLowerCase();
  };

  const show = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (wanted.length && texts === null) {
      texts = new Map(rows.map((row) => [row, textOf(row)]));
    }
    let seen = 0;
    for (const row of rows) {
      const own = row.dataset.kind;
      const kindFits = kind.value === "" || own === kind.value || (kind.value === "used" && own !== "unused");
      const fits = kindFits && (state.value === "" || row.dataset.state === state.value) &&
        wanted.every((word) => texts.get(row).includes(word));
      if (row.hidden === fits) {
        row.hidden = !fits;
      }
      seen += fits ? 1 : 0;
    }
    counted.textContent = seen + " of " + rows.length;
  };

  const keyOf = {
    end: (row) => row.dataset.end,
    node: (row) => row.dataset.node.toLowerCase(),
    name: (row) => row.querySelector(".title").textContent.toLowerCase(),
  };

  const sort = (head) => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentElement.cells) {
      other.removeAttribute("aria-sort");
    }
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = keyOf[head.dataset.by];
    const keyed = rows.map((row, place) => [key(row), place, row]);
    const order = new Intl.Collator("en", { numeric: true });
    keyed.sort((one, other) => (order.compare(one[0], other[0]) || one[1] - other[1]) * (down ? -1 : 1));
    const sorted = document.createDocumentFragment();
    for (const entry of keyed) {
      sorted.append(entry[2]);
    }
    body.append(sorted);
  };

  for (const head of document.querySelectorAll("#table th[data-by]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(head));
    head.replaceChildren(button);
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", show);
  form.hidden = false;
  show();
})();
