#include "report_parts.hpp"

namespace attune::detail {

std::string_view report_script_scales() {
    return R"js(
// ---------------------------------------------------------------- scales: a kind with its ends, laid out on pixels
const warps = {
  linear: () => ({to: v => v, from: t => t}),
  log: () => ({to: Math.log, from: Math.exp}),
  reverse_log: (low, high) => ({to: v => -Math.log(low + (high - v)), from: t => low + (high - Math.exp(-t))}),
  logit: () => ({to: v => Math.log(v / (1 - v)), from: t => 1 / (1 + Math.exp(-t))}),
};
function niceTicks(low, high, count, integer) {
  const raw = (high - low) / Math.max(1, count);
  if (!(raw > 0) || !Number.isFinite(raw)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  let step = [1, 2, 5, 10].map(m => m * power).find(s => s >= raw * .999);
  if (integer) step = Math.max(1, Math.round(step));
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9 && ticks.length < 100; ++i)
    ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}
function logTicks(low, high, count) {
  const decades = Math.log10(high / low);
  if (decades < 1) return niceTicks(low, high, count).filter(v => v > 0);
  const every = Math.max(1, Math.ceil(decades / (count + 1))), within = 3 * decades <= count + 3 ? [1, 2, 5] : [1];
  const ticks = [];
  const last = Math.min(308, Math.ceil(Math.log10(high)));
  for (let p = Math.ceil(Math.floor(Math.log10(low)) / every) * every; p <= last; p += every)
    for (const m of within) {
      const v = Number(`${m}e${p}`);
      if (v >= low * .9999 && v <= high * 1.0001) ticks.push(v);
    }
  return ticks.length > 1 ? ticks : [low, high];
}
function timeTicks(low, high, count) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  const raw = (high - low) / count;
  if (raw < 1 || raw > 86400) return niceTicks(low, high, count);
  const step = steps.find(s => s >= raw), ticks = [];
  for (let v = Math.ceil(low / step) * step; v <= high; v += step) ticks.push(v);
  return ticks;
}
/// kind: linear, log, reverse_log, logit, time or ordinal (with choices). Pixels run from `a` at the low end to `b`.
function makeScale({kind, low, high, choices, integer}, a, b) {
  if (kind === "ordinal") {
    const cell = (b - a) / choices.length;
    const index = new Map(choices.map((c, i) => [String(c), i]));
    return {kind, a, b, cell, at: v => a + (index.get(String(v)) + .5) * cell,
      ticks: () => choices.map((c, i) => ({at: a + (i + .5) * cell, label: text(c)}))};
  }
  const name = kind === "time" ? "linear" : kind;
  const {to} = warps[name](low, high);
  const t0 = to(low), t1 = to(high);
  const at = v => t1 > t0 ? a + (to(v) - t0) / (t1 - t0) * (b - a) : (a + b) / 2;
  const values = count => {
    if (!(t1 > t0)) return [low];
    if (kind === "time") return timeTicks(low, high, count);
    if (kind === "linear") return niceTicks(low, high, count, integer);
    if (kind === "log") return logTicks(low, high, count).filter(v => !integer || Number.isInteger(v));
    if (kind === "logit") {
      const all = [.001, .01, .05, .1, .25, .5, .75, .9, .95, .99, .999].filter(v => v >= low && v <= high);
      return all.length > 1 ? all : [low, high];
    }
    return logTicks(low, high, count).map(v => low + high - v).reverse();
  };
  return {kind, a, b, low, high, at, clamp: v => Math.min(Math.max(at(Math.min(Math.max(v, low), high)), Math.min(a, b)), Math.max(a, b)),
    ticks: count => values(count).map(v => ({at: at(v), label: kind === "time" ? (v === 0 ? "0" : duration(v).replace(/ 00[smh]$/, "")) : text(v, kind === "reverse_log" ? 8 : 4)}))};
}
const parameterScale = (p, a, b) => makeScale(p.kind === "categorical" ? {kind: "ordinal", choices: p.choices}
  : {kind: p.scale, low: p.low, high: p.high, integer: p.kind === "integer"}, a, b);
const varies = p => p.kind === "categorical" ? p.choices.length > 1 : p.high > p.low;

/// The range worth drawing. A few far values on the bad side (Tukey's far out fence) would flatten all others: they are left
/// outside and drawn at the edge. `bad` is 1 where large values are bad, -1 where small ones are, 0 where either may be. Many such
/// values are a part of the picture and stay inside.
function domain(values, bad, log, fence = 3, share = .1) {
  const to = log ? Math.log : v => v, from = log ? Math.exp : v => v;
  const v = values.filter(x => Number.isFinite(x) && (!log || x > 0)).map(to).sort((p, q) => p - q);
  if (!v.length) return {low: log ? .1 : 0, high: 1, outside: 0};
  let low = v[0], high = v[v.length - 1];
  const quantile = q => v[Math.round(q * (v.length - 1))];
  const reach = fence * (quantile(.75) - quantile(.25));
  if (v.length >= 8 && reach > 0) {
    const few = n => n <= share * v.length;
    if (bad >= 0 && few(v.filter(x => x > quantile(.75) + reach).length)) high = v.filter(x => x <= quantile(.75) + reach).pop();
    if (bad <= 0 && few(v.filter(x => x < quantile(.25) - reach).length)) low = v.find(x => x >= quantile(.25) - reach);
  }
  const outside = v.filter(x => x < low || x > high).length;
  const pad = high > low ? high * .05 - low * .05 : log ? .5 : Math.abs(high) * .1 || .5;
  // Both ends and their distance stay finite, so that ticks can be counted.
  const hold = x => Math.min(8e307, Math.max(log ? 1e-300 : -8e307, x));
  return {low: hold(from(low - pad)), high: hold(from(high + pad)), outside};
}

// ---------------------------------------------------------------- the frame of a chart
const textWidth = (() => {
  const context = document.createElement("canvas").getContext("2d");
  return s => { if (!context) return 6.4 * String(s).length; context.font = "11.5px system-ui, sans-serif"; return context.measureText(String(s)).width; };
})();
function fitText(s, width) {
  s = String(s);
  if (textWidth(s) <= width) return s;
  let c = Array.from(s);
  c = c.slice(0, Math.max(1, Math.floor(c.length * width / textWidth(s))));
  while (c.length > 1 && textWidth(c.join("") + "…") > width) c.pop();
  return c.join("") + "…";
}
/// Axes around a plot. x and y describe scales; `strip` keeps a row at the bottom for trials without a value.
function frame(host, {width, height, x, y, xTitle, yTitle, strip = false, label, small = false}) {
  const probe = makeScale(y, 0, 1).ticks(small ? 4 : 6);
  const left = Math.min(Math.max(30, 14 + Math.max(...probe.map(t => textWidth(t.label)))), width * .35);
  const top = yTitle ? 24 : 10, right = 14, rows = x.kind === "ordinal" && crowded(x.choices, (width - right - left) / x.choices.length) ? 2 : 1;
  const bottom = height - (xTitle ? 27 : 11) - 13 * rows;
  const root = svg("svg", {width, height, role: "img", "aria-label": label});
  const X = makeScale(x, left, width - right), Y = makeScale(y, strip ? bottom - 26 : bottom, top);
  for (const t of Y.ticks(small ? 4 : 6)) root.append(
    svg("path", {class: "grid", d: `M${left},${fixed(t.at)}H${width - right}`}),
    svg("text", {x: left - 7, y: t.at + 4, "text-anchor": "end"}, fitText(t.label, left - 10)));
  // Choices have a place, not an amount: bands say so, above all where the choices are numbers.
  if (X.kind === "ordinal") for (let i = 0; i < x.choices.length; ++i)
    root.append(svg("rect", {class: "band", x: fixed(X.a + (i + .08) * X.cell), y: top, width: fixed(.84 * X.cell), height: bottom - top}));
  drawX(root, X, bottom, width, rows);
  if (strip) root.append(svg("path", {class: "grid", d: `M${left},${bottom - 20}H${width - right}`, "stroke-dasharray": "3 3"}));
  root.append(svg("path", {class: "axis", d: `M${left},${top}V${bottom}H${width - right}`}));
  if (yTitle) root.append(svg("text", {class: "title", x: 2, y: 12}, fitText(yTitle, width - 20)));
  if (xTitle) root.append(svg("text", {class: "title", x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle"}, fitText(xTitle, width - left)));
  const plot = svg("g"), over = svg("g", {"pointer-events": "none"});
  root.append(plot, over);
  host.append(root);
  return {root, plot, over, X, Y, left, right: width - right, top, bottom, stripY: bottom - 9};
}
/// Both ends of a name, where the middle has to go: names of choices often differ at their end.
function fitMiddle(s, width) {
  s = String(s);
  const c = Array.from(s);
  for (let n = c.length - 1; n > 2 && textWidth(s) > width; --n)
    s = c.slice(0, Math.ceil(n / 2)).join("") + "…" + c.slice(c.length - Math.floor(n / 2)).join("");
  return s;
}
const crowded = (choices, cell) => choices.some(v => textWidth(text(v)) > cell - 6);
/// Labels of choices stand in one row or, by turns, in two. Of other axes, labels that would touch the one before are left out.
function drawX(root, X, bottom, width, rows = 1) {
  const ticks = X.ticks(Math.max(3, Math.floor((X.b - X.a) / 75))), free = Array(rows).fill(-Infinity);
  ticks.forEach((t, i) => {
    const label = X.kind === "ordinal" ? fitMiddle(t.label, Math.max(26, X.cell * rows - 6)) : t.label;
    const half = textWidth(label) / 2, at = Math.min(Math.max(t.at, half + 1), width - half - 1), row = i % rows;
    if (at - half < free[row]) return;
    free[row] = at + half + 6;
    root.append(svg("path", {class: "axis", d: `M${fixed(t.at)},${bottom}v${4 + 13 * row}`}), svg("text", {x: fixed(at), y: bottom + 17 + 13 * row, "text-anchor": "middle"}, label));
  });
}

// ---------------------------------------------------------------- charts: drawn again when the width or the colours change
const charts = {}, highlighters = {};
/// Shows a trial in all charts at once; null for none.
function highlight(trial) { for (const id in highlighters) highlighters[id](trial); }
const selector = (title, options, onchange) => el("label", {}, title, el("select", {onchange: e => onchange(e.target.value)},
  options.map(([value, name]) => el("option", {value}, short(name, 60)))));
const checkbox = (title, onchange, checked = false) => el("label", {}, el("input", {type: "checkbox", checked, onchange: e => onchange(e.target.checked)}), title);
function chart(id, draw) {
  const host = document.querySelector("#" + id + " > .host");
  if (!host) return;
  const bar = el("div", {class: "bar"}), plot = el("div", {class: "plot"});
  host.append(bar, plot);
  let drawnWidth = 0;
  const redraw = () => {
    drawnWidth = plot.clientWidth;
    const kept = plot.firstChild && plot.firstChild.scrollLeft;
    plot.style.minHeight = plot.offsetHeight + "px";
    plot.replaceChildren();
    delete highlighters[id];
    draw(plot, Math.max(240, drawnWidth));
    plot.style.minHeight = "";
    if (kept) plot.firstChild.scrollLeft = kept;
  };
  charts[id] = redraw;
  new ResizeObserver(() => { if (plot.clientWidth !== drawnWidth) requestAnimationFrame(redraw); }).observe(plot);
  return {bar, redraw};
}
const nothing = (plot, words) => plot.append(el("p", {class: "empty"}, words));
/// Tooltip and highlight for the nearest of points with x, y and trial.
function hover(root, points, rows = () => []) {
  root.addEventListener("pointermove", e => {
    const box = root.getBoundingClientRect(), x = e.clientX - box.left, y = e.clientY - box.top;
    let found = null, least = 28 * 28;
    for (const p of points) {
      const d = (p.x - x) ** 2 + (p.y - y) ** 2;
      if (d < least) { least = d; found = p; }
    }
    if (found) { tellTrial(e, found.trial, rows(found)); highlight(found.trial); } else { hush(); highlight(null); }
  });
  root.addEventListener("pointerleave", () => { hush(); highlight(null); });
}
/// Rings a trial's points of this chart when it is highlighted in any.
function ring(id, over, points) {
  const of = new Map();
  for (const p of points) of.get(p.trial)?.push(p) ?? of.set(p.trial, [p]);
  highlighters[id] = trial => over.replaceChildren(...(of.get(trial) || []).map(p => svg("circle", {class: "ring", cx: p.x, cy: p.y, r: 7})));
}
const outsideNote = n => n ? el("p", {class: "note"}, `${n} far ${n === 1 ? "value lies" : "values lie"} beyond the axis and ${n === 1 ? "is" : "are"} drawn at its edge.`) : "";
)js";
}

}  // namespace attune::detail
