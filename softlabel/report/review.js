"use strict";
/* Lets a person decide about each row of a review. Without it the page reads the same, and shows no buttons. */
(() => {
  const data = JSON.parse(document.getElementById("review-data").textContent);
  const store = "softlabel review " + data.review;
  const items = new Map([...document.querySelectorAll("li[data-row]")].map(item => [item.dataset.row, item]));
  const rows = data.rows.filter(row => items.has(row.row));
  const decisions = load();

  function load() {
    try {
      const kept = JSON.parse(localStorage.getItem(store) || "{}");
      return new Map(rows.filter(row => isDecision(kept[row.row])).map(row => [row.row, kept[row.row]]));
    } catch {
      return new Map();
    }
  }
  function isDecision(found) {
    return Boolean(found) && (found.action === "leave out" || (found.action === "label" && data.classes.includes(found.label)));
  }
  function save() {
    try {
      localStorage.setItem(store, JSON.stringify(Object.fromEntries(decisions)));
    } catch { /* a browser that keeps nothing: the file can still be saved */ }
  }

  function make(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }
  function button(text, title, act) {
    return make("button", { type: "button", textContent: text, title, onclick: act });
  }

  function decide(row, decision) {
    const before = decisions.get(row.row);
    if (!decision || (before && before.action === decision.action && before.label === decision.label)) decisions.delete(row.row);
    else decisions.set(row.row, decision);
    save();
    show(row);
    count();
  }

  const controls = new Map();
  function build(row) {
    const label = value => ({ action: "label", label: value });
    const keep = button("keep", "the given label is right (1)", () => decide(row, label(row.given)));
    const take = row.suggested && button("take " + row.suggestedShown, "the suggested label is right (2)", () => decide(row, label(row.suggested)));
    const other = make("select", { title: "another label (3)" }, make("option", { value: "", textContent: "another …" }));
    other.setAttribute("aria-label", "another label for row " + row.row);
    other.append(...data.classes.map((name, place) => make("option", { value: String(place), textContent: data.shown[place] })));
    other.onchange = () => decide(row, other.value === "" ? null : label(data.classes[Number(other.value)]));
    const out = button("leave out", "the row is used neither in training nor for choosing (4)", () => decide(row, { action: "leave out" }));
    const all = { keep, take: take || null, other, out };
    controls.set(row.row, all);
    const group = make("div", { className: "decide" }, ...[keep, take, other, out].filter(Boolean));
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "decision for row " + row.row);
    const item = items.get(row.row);
    item.tabIndex = -1;
    item.querySelector(".said").append(group);
  }
  function show(row) {
    const { keep, take, other, out } = controls.get(row.row), decision = decisions.get(row.row);
    const chosen = decision && decision.action === "label" ? decision.label : null;
    keep.setAttribute("aria-pressed", chosen === row.given);
    if (take) take.setAttribute("aria-pressed", chosen === row.suggested);
    out.setAttribute("aria-pressed", Boolean(decision) && decision.action === "leave out");
    const isOther = chosen !== null && chosen !== row.given && chosen !== row.suggested;
    other.value = isOther ? String(data.classes.indexOf(chosen)) : "";
    other.classList.toggle("chosen", isOther);
    items.get(row.row).classList.toggle("decided", Boolean(decision));
  }

  const said = make("output", {});
  const search = make("input", { type: "search", placeholder: "label or file" });
  const state = make("select", {}, ...["all rows", "undecided", "decided"].map(text => make("option", { textContent: text })));
  const order = make("select", {}, ...["as listed", "least confident", "most ambiguous", "by label"].map(text => make("option", { textContent: text })));
  for (const [field, name] of [[search, "show rows with this label or file"], [state, "show"], [order, "order"]]) field.setAttribute("aria-label", name);
  const file = button("save " + data.file, "the file that --corrections reads", () => {
    const link = make("a", { download: data.file, href: URL.createObjectURL(new Blob([csv()], { type: "text/csv" })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
  const clear = button("forget all", "take all decisions back", () => {
    if (!confirm("Take all decisions back?")) return;
    decisions.clear();
    save();
    rows.forEach(show);
    count();
  });

  function count() {
    const changed = rows.filter(row => { const d = decisions.get(row.row); return d && (d.action === "leave out" || d.label !== row.given); });
    said.textContent = `${decisions.size} of ${rows.length} decided, ${changed.length} changed`;
    file.disabled = decisions.size === 0;
    arrange();
  }
  function arrange() {
    const wanted = search.value.trim().toLowerCase();
    for (const row of rows) {
      const found = !wanted || [row.given, row.suggested || "", row.place].some(text => text.toLowerCase().includes(wanted));
      const open = state.selectedIndex === 0 || decisions.has(row.row) === (state.selectedIndex === 2);
      items.get(row.row).hidden = !(found && open);
    }
  }
  function sort() {
    const by = [row => row.listed, row => row.confidence, row => -row.ambiguity, row => row.given][order.selectedIndex];
    const compare = (a, b) => (by(a) < by(b) ? -1 : by(a) > by(b) ? 1 : a.listed - b.listed);
    for (const row of [...rows].sort(compare)) items.get(row.row).parentElement.append(items.get(row.row));
  }

  function cell(text) {
    const marked = /^'*[=+\-@\t\r\n＝＋－＠]/.test(text) ? "'" + text : text;
    return /[",\r\n]/.test(marked) ? '"' + marked.replaceAll('"', '""') + '"' : marked;
  }
  function csv() {
    const lines = [["row", "place", "given_label", "label", "action"]];
    for (const row of rows) {
      const decision = decisions.get(row.row);
      if (!decision) continue;
      const leaves = decision.action === "leave out";
      lines.push([row.row, row.place, row.given, leaves ? row.given : decision.label, leaves ? "leave out" : ""]);
    }
    return lines.map(line => line.map(cell).join(",") + "\n").join("");
  }

  function move(step) {
    const seen = rows.map(row => items.get(row.row)).filter(item => !item.hidden);
    seen.sort((a, b) => (a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1));
    const here = seen.indexOf(document.activeElement.closest("li[data-row]"));
    const next = seen[Math.min(seen.length - 1, Math.max(0, here + step))];
    if (next) { next.focus(); next.scrollIntoView({ block: "nearest" }); }
  }
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (event.key === "j" || event.key === "k") return move(event.key === "j" ? 1 : -1);
    const item = document.activeElement.closest("li[data-row]"), all = item && controls.get(item.dataset.row);
    if (!all) return;
    const target = { 1: all.keep, 2: all.take, 3: all.other, 4: all.out }[event.key];
    if (!target) return;
    event.preventDefault();
    if (target === all.other) target.focus();
    else target.click();
  });

  search.oninput = state.onchange = arrange;
  order.onchange = sort;
  rows.forEach(build);
  rows.forEach(show);
  const bar = document.getElementById("deciding");
  bar.append(said, search, state, order, file, clear);
  bar.append(make("p", { className: "quiet", textContent: "Keys: j and k go on and back; 1 keep, 2 take the suggestion, 3 another label, 4 leave out. Decisions stay in this browser." }));
  bar.hidden = false;
  count();
  window.softlabelReview = { csv };
})();
