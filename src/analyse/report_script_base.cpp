#include "report_parts.hpp"

namespace attune::detail {

// Text of the study goes into the page through textContent and setAttribute only, never as markup.
std::string_view report_script_base() {
    return R"js(
// ---------------------------------------------------------------- the study
const data = JSON.parse(document.getElementById("attune-data").textContent);
const words = {"nan": NaN, "inf": Infinity, "-inf": -Infinity};
const num = v => typeof v === "number" ? v : typeof v === "string" && Object.hasOwn(words, v) ? words[v] : NaN;
const objectives = data.objectives, parameters = data.parameters, trials = data.trials;
const front = new Set(data.front);
/// Seconds at work by then: pauses between runs would leave no room for the trials.
const worked = at => at - data.pauses.reduce((sum, [from, until]) => sum + Math.min(Math.max(at - from, 0), until - from), 0);
const timeTitle = data.pauses.length ? "time at work (pauses left out)" : "time since the study began";
data.now = worked(data.now);
for (const t of trials) {
  t.began = t.started;
  t.started = worked(t.started);
  if (t.finished !== undefined) t.finished = worked(t.finished);
  // Of a trial that is neither over nor running, nothing is known after its latest report.
  t.until = t.finished ?? (t.state === "running" ? Math.max(data.now, t.started) : worked(Math.max(t.reported ?? t.began, t.began)));
  t.y = t.values.map(num);
  // A drawing counts a trial's value only where the trial ended well: a failed or running one stands for none.
  // A paused one stands for what it has come to.
  t.ended = t.state === "completed" || t.state === "stopped" || t.state === "paused";
  t.has = t.y.map(v => t.ended && Number.isFinite(v));
  t.seconds = num(t.seconds);
}
const sign = k => objectives[k].direction === "maximize" ? -1 : 1;
const isBest = t => data.front.length ? front.has(t.number) : t.number === data.best;

// ---------------------------------------------------------------- elements
const svgSpace = (() => { const t = document.createElement("template"); t.innerHTML = "<svg></svg>"; return t.content.firstChild.namespaceURI; })();
function fill(node, attributes, children) {
  for (const key in attributes) {
    const value = attributes[key];
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) if (child !== null) node.append(child);
  return node;
}
const el = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
const svg = (name, attributes = {}, ...children) => fill(document.createElementNS(svgSpace, name), attributes, children);

// ---------------------------------------------------------------- text
/// Without zeros behind the point, and without a plus in the exponent.
function trim(s) {
  const [digits, power] = s.split("e");
  return (digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits) + (power === undefined ? "" : "e" + power.replace("+", ""));
}
function text(v, digits = 5) {
  if (v === null || v === undefined) return "—";
  if (typeof v !== "number") return String(v);
  if (Number.isNaN(v)) return "nan";
  if (!Number.isFinite(v)) return v > 0 ? "inf" : "-inf";
  if (v === 0) return "0";
  const size = Math.abs(v);
  if (Number.isInteger(v) && size < 1e7) return String(v);
  if (size >= 1e6 || size < 1e-4) return trim(v.toExponential(digits - 1));
  return trim(v.toPrecision(digits));
}
function duration(s) {
  if (!Number.isFinite(s)) return "—";
  if (s < 0) return "-" + duration(-s);
  if (s < 9.95) return trim(s.toFixed(s < 1 ? 2 : 1)) + "s";
  const two = n => String(n).padStart(2, "0");
  const w = Math.round(s);
  if (w < 60) return w + "s";
  if (w < 3600) return Math.floor(w / 60) + "m " + two(w % 60) + "s";
  if (w < 86400) return Math.floor(w / 3600) + "h " + two(Math.floor(w % 3600 / 60)) + "m";
  return Math.floor(w / 86400) + "d " + two(Math.floor(w % 86400 / 3600)) + "h";
}
const short = (s, n) => { const c = Array.from(String(s)); return c.length > n ? c.slice(0, n - 1).join("") + "…" : String(s); };

// ---------------------------------------------------------------- colours
const dark = () => matchMedia("(prefers-color-scheme: dark)").matches;
const stateNames = ["completed", "stopped", "failed", "running", "paused", "interrupted", "waiting"];
const stateColour = state => "var(--" + (stateNames.indexOf(state) < 4 ? state : "other") + ")";
// Stops of viridis (van der Walt and Smith): even to the eye and without reliance on hue.
const stops = ["#440154", "#482878", "#3e4a89", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"]
  .map(c => [1, 3, 5].map(i => parseInt(c.slice(i, i + 2), 16)));
/// Good is 1. The good end is the one that stands out from the page: dark on light, light on dark.
function shade(good) {
  const at = (dark() ? 0.22 + 0.78 * good : 0.86 * (1 - good)) * (stops.length - 1);
  const i = Math.min(stops.length - 2, Math.max(0, Math.floor(at)));
  return "rgb(" + stops[i].map((c, k) => Math.round(c + (stops[i + 1][k] - c) * (at - i))).join(",") + ")";
}

// ---------------------------------------------------------------- marks: shapes say the state once more
const shapes = {
  completed: (x, y, r) => `M${x - r},${y}a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0`,
  stopped: (x, y, r) => `M${x - 1.1 * r},${y - .8 * r}h${2.2 * r}l${-1.1 * r},${1.9 * r}z`,
  failed: (x, y, r) => `M${x - r},${y - r}l${2 * r},${2 * r}m0,${-2 * r}l${-2 * r},${2 * r}`,
  running: (x, y, r) => `M${x},${y - 1.2 * r}l${1.2 * r},${1.2 * r}l${-1.2 * r},${1.2 * r}l${-1.2 * r},${-1.2 * r}z`,
};
const fixed = v => Math.round(v * 100) / 100;
const shape = (state, x, y, r) => (shapes[state] || shapes.running)(fixed(x), fixed(y), r);
/// All marks of a state as one path: thousands of points stay quick. Hollow: breaks an outcome constraint.
function marks(points, r = 3.6, opacity = .8) {
  const paths = {}, hollow = {};
  for (const p of points) ((p.trial.breaks ? hollow : paths)[p.trial.state] ||= []).push(shape(p.trial.state, p.x, p.y, r));
  return [
    ...stateNames.filter(s => hollow[s]).map(s => svg("path", {d: hollow[s].join(""), stroke: stateColour(s), "stroke-width": 1.2, fill: "none"})),
    ...stateNames.filter(s => paths[s]).map(s => svg("path", s === "failed"
      ? {d: paths[s].join(""), stroke: stateColour(s), "stroke-width": 1.7, fill: "none"}
      : {d: paths[s].join(""), fill: stateColour(s), "fill-opacity": opacity}))];
}
const star = (x, y, r) => "M" + [...Array(10).keys()].map(i => {
  const a = Math.PI * i / 5, q = i % 2 ? r * .45 : r;
  return fixed(x + q * Math.sin(a)) + "," + fixed(y - q * Math.cos(a));
}).join("L") + "z";
const bestMark = (x, y, r = 7) => svg("path", {d: star(x, y, r), fill: "var(--best)", stroke: "var(--card)", "stroke-width": 1});
function legend(states, extra = []) {
  const icon = (...children) => svg("svg", {width: 14, height: 14, "aria-hidden": "true"}, ...children);
  return el("span", {class: "legend"}, states.map(s => el("span", {}, icon(...marks([{trial: {state: s}, x: 7, y: 7}])), s)),
    extra.map(([name, drawing]) => el("span", {}, icon(drawing), name)));
}
/// The key of trials that break an outcome constraint, where there are any.
const hollowKey = () => trials.some(t => t.breaks) ? [["breaks a constraint", svg("path", {d: shapes.completed(7, 7, 3.8), fill: "none", stroke: stateColour("completed"), "stroke-width": 1.2})]] : [];
const presentStates = () => stateNames.filter(s => trials.some(t => t.state === s));

// ---------------------------------------------------------------- tooltip
const tooltip = document.getElementById("tooltip");
function tell(event, title, rows) {
  tooltip.replaceChildren(el("b", {}, title), el("dl", {}, rows.map(([k, v]) => [el("dt", {}, short(k, 40)), el("dd", {}, short(v, 160))])));
  tooltip.style.display = "block";
  const box = tooltip.getBoundingClientRect();
  const x = event.clientX + 16 + box.width > innerWidth ? event.clientX - box.width - 16 : event.clientX + 16;
  tooltip.style.left = Math.max(4, x) + "px";
  tooltip.style.top = Math.max(4, Math.min(innerHeight - box.height - 4, event.clientY + 14)) + "px";
}
const hush = () => { tooltip.style.display = "none"; };
function tellTrial(event, t, first = []) {
  const rows = [...first, ...objectives.map((o, k) => [o.metric, t.ended ? text(t.y[k], 6) : "—"])];
  for (const b of t.breaks || []) rows.push(["breaks", b]);
  const shown = parameters.map((p, i) => [p.name, t.configuration[i]]).filter(r => r[1] !== null);
  rows.push(...shown.slice(0, 12).map(([k, v]) => [k, text(v)]));
  if (shown.length > 12) rows.push(["…", (shown.length - 12) + " more parameters"]);
  if (Number.isFinite(t.seconds)) rows.push(["time", duration(t.seconds)]);
  if (t.reason) rows.push([t.state === "failed" ? "failed because" : "reason", t.reason]);
  tell(event, "Trial " + t.number + ", " + t.state, rows);
}
)js";
}

}  // namespace attune::detail
