#include "report_parts.hpp"

namespace attune::detail {

std::string_view report_script_table() {
    return R"js(
// ---------------------------------------------------------------- all trials: sorts by a click on a head, filters by words and state
function trialTable() {
  const host = document.querySelector("#trials > .host");
  if (!trials.length) return nothing(host, "No trial was begun yet.");
  const any = f => trials.some(f);
  const tieBreak = (t, o) => t.ended && t.metrics ? num(t.metrics[o.tie_break]) : NaN;
  const columns = [
    {name: "trial", of: t => t.number, number: true},
    {name: "state", of: t => t.state, dot: true},
    ...objectives.map((o, k) => ({name: o.metric, of: t => t.ended ? t.y[k] : NaN, show: t => t.ended ? text(t.y[k], 6) : "", number: true})),
    ...objectives.filter(o => o.tie_break).map(o => ({name: o.tie_break, of: t => tieBreak(t, o), show: t => t.ended ? text(tieBreak(t, o), 6) : "", number: true})),
    ...data.constraints.map(c => ({name: c.text, of: t => t.metrics ? num(t.metrics[c.metric]) : NaN, number: true,
      show: t => t.metrics && t.metrics[c.metric] !== undefined ? text(num(t.metrics[c.metric]), 6) + ((t.breaks || []).includes(c.text) ? " ✗" : "") : ""})),
    ...parameters.map((p, i) => ({name: p.name, of: t => t.configuration[i], show: t => text(t.configuration[i]), number: p.kind !== "categorical"})),
    {name: "time", of: t => t.seconds, show: t => Number.isFinite(t.seconds) ? duration(t.seconds) : "", number: true},
    any(t => t.report_count) && {name: "last step", of: t => num(t.last_step), show: t => t.last_step === undefined ? "" : text(num(t.last_step)), number: true},
    any(t => t.cost !== undefined) && {name: "cost", of: t => num(t.cost), show: t => t.cost === undefined ? "" : text(num(t.cost)), number: true},
    any(t => t.reason) && {name: "reason", of: t => t.reason ? (t.failure === "environment" ? "environment: " : "") + t.reason : "", words: true},
    any(t => t.numbers) && {name: "decided by", of: t => Object.entries(t.numbers || {}).map(([name, v]) => name + " " + text(num(v), 4)).join(", "), words: true},
    any(t => t.role) && {name: "role", of: t => t.role || ""},
    any(t => t.why) && {name: "asked because", of: t => t.why || "", words: true},
    any(t => t.attributes) && {name: "attributes", of: t => Object.entries(t.attributes || {}).map(a => a.join("=")).join(", "), words: true},
  ].filter(c => c);
  for (const c of columns) c.show ||= t => String(c.of(t));
  for (const t of trials) t.words = columns.map(c => c.show(t)).join("\n").toLowerCase();

  // Names may break behind their own separators, so that a long one does not make its column wide.
  const headText = c => short(c.name, 60).replace(/[_.\-/]/g, "$&\u200b");
  let sorted = columns[0], down = false, words = "", state = "", most = 200;
  const body = el("tbody"), heads = columns.map(c => el("th", {scope: "col", class: c.number && "number"},
    el("button", {title: c.name, onclick: () => { down = sorted === c && !down; sorted = c; show(); }}, headText(c))));
  const count = el("span"), more = el("button", {onclick: () => { most = Infinity; show(); }}, "show all");

  // Without a number or text a trial goes to the end, whichever way the table is sorted.
  const missing = v => v === null || v === undefined || v === "" || Number.isNaN(v);
  function compare(p, q) {
    const a = sorted.of(p), b = sorted.of(q);
    if (missing(a) || missing(b)) return missing(a) - missing(b) || p.number - q.number;
    const order = typeof a === "number" && typeof b === "number" ? (a < b ? -1 : a > b ? 1 : 0) : String(a).localeCompare(String(b), undefined, {numeric: true});
    return (down ? -order : order) || p.number - q.number;
  }
  function show() {
    const found = trials.filter(t => (!state || t.state === state) && (!brushed || brushed.has(t)) && words.split(/\s+/).every(w => t.words.includes(w))).sort(compare);
    heads.forEach((h, i) => {
      const on = columns[i] === sorted;
      h.setAttribute("aria-sort", on ? (down ? "descending" : "ascending") : "none");
      h.firstChild.textContent = headText(columns[i]) + (on ? (down ? " ▼" : " ▲") : "");
    });
    body.replaceChildren(...found.slice(0, most).map(row));
    count.textContent = found.length === trials.length ? `${trials.length} trial${trials.length === 1 ? "" : "s"}` : `${found.length} of ${trials.length} trials` + (brushed ? ", brushed above" : "");
    more.style.display = found.length > most ? "" : "none";
    more.textContent = `show all ${found.length}`;
  }
  const row = t => el("tr", {class: isBest(t) && "best", onpointerenter: () => highlight(t), onpointerleave: () => highlight(null)}, columns.map(c => {
    const shown = c.show(t);
    return el("td", {class: c.number ? "number" : c.words && "words", title: shown.length > 30 ? shown : null},
      c.dot ? el("span", {class: "dot state-" + t.state}) : "", c.words ? short(shown, 300) : shown);
  }));
  host.append(el("div", {class: "bar"},
      el("label", {}, "filter", el("input", {type: "search", placeholder: "words", oninput: e => { words = e.target.value.trim().toLowerCase(); show(); }})),
      selector("state", [["", "all"], ...presentStates().map(s => [s, s])], v => { state = v; show(); }), count),
    el("div", {class: "scroll"}, el("table", {class: "trials"}, el("thead", {}, el("tr", {}, heads)), body)), more);
  brushListeners.push(show);
  show();
}

for (const start of [pareto, history, curves, slices, maps, timeline, trialTable, parallel]) start();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { for (const id in charts) charts[id](); });
addEventListener("scroll", hush, {passive: true});
)js";
}

}  // namespace attune::detail
