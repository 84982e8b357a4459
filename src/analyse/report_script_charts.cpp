#include "report_parts.hpp"

namespace attune::detail {

std::string_view report_script_charts() {
    return R"js(
const objectiveChoices = objectives.map((o, k) => [k, o.metric + " (" + o.direction + ")"]);

// ---------------------------------------------------------------- history: values by trial or time, with the best so far
function history() {
  let k = 0, byTime = false, log = false;
  const c = chart("history", (plot, width) => {
    if (!trials.length) return nothing(plot, "No trial was begun yet.");
    const good = trials.filter(t => t.has[k] && (!log || t.y[k] > 0)), rest = trials.filter(t => !good.includes(t));
    if (!good.length) return nothing(plot, "No trial came to a value" + (log ? " that a logarithm takes." : "."));
    const place = t => byTime ? t.until : t.number;
    const d = domain(good.map(t => t.y[k]), sign(k), log);
    const f = frame(plot, {width, height: Math.min(400, 220 + width * .15), strip: rest.length > 0, label: "Values by trial with the best so far",
      x: byTime ? {kind: "time", low: 0, high: Math.max(...trials.map(place), 1e-3)} : {kind: "linear", low: -.5, high: trials.length - .5, integer: true},
      y: {kind: log ? "log" : "linear", ...d}, xTitle: byTime ? timeTitle : "trial", yTitle: objectives[k].metric});
    const points = [...good.map(t => ({trial: t, x: f.X.at(place(t)), y: f.Y.clamp(t.y[k])})),
      ...rest.map(t => ({trial: t, x: f.X.at(place(t)), y: f.stripY}))];
    f.plot.append(...marks(points, trials.length > 300 ? 2.6 : 3.8));
    let best = NaN, line = "", last = null;
    for (const t of good.filter(t => !t.breaks).sort((p, q) => place(p) - place(q) || p.number - q.number)) {
      if (!Number.isNaN(best) && sign(k) * t.y[k] >= sign(k) * best) continue;
      best = t.y[k];
      last = t;
      line += (line ? "H" : "M") + fixed(f.X.at(place(t))) + (line ? "V" : ",") + fixed(f.Y.clamp(best));
    }
    if (line) f.plot.append(svg("path", {d: line + "H" + f.right, fill: "none", stroke: "var(--best)", "stroke-width": 2}),
      bestMark(f.X.at(place(last)), f.Y.clamp(best)));
    plot.append(outsideNote(d.outside));
    hover(f.root, points);
    ring("history", f.over, points);
  });
  if (!trials.length) return c.redraw();
  if (objectives.length > 1) c.bar.append(selector("objective", objectiveChoices, v => { k = +v; c.redraw(); }));
  c.bar.append(selector("by", [["", "trial"], ["1", "time"]], v => { byTime = !!v; c.redraw(); }));
  if (trials.some(t => t.has.some((h, i) => h && t.y[i] > 0))) c.bar.append(checkbox("log values", v => { log = v; c.redraw(); }));
  c.bar.append(legend(presentStates(), [["best so far", svg("path", {d: "M0,7H14", stroke: "var(--best)", "stroke-width": 2})], ...hollowKey()]));
  c.redraw();
}

// ---------------------------------------------------------------- learning curves
function curves() {
  const reported = trials.filter(t => t.curves);
  const names = [...new Set(reported.flatMap(t => Object.keys(t.curves.values)))].sort();
  const goals = objectives.map(o => o.metric);
  names.sort((p, q) => (goals.includes(q) - goals.includes(p)) || (goals.indexOf(p) - goals.indexOf(q)));
  let metric = names[0], log = false, hidden = new Set();
  const c = chart("curves", (plot, width) => {
    if (!reported.length) return nothing(plot, "No trial reported values by step.");
    const lines = [];
    for (const t of reported) {
      if (!t.curves.values[metric] || hidden.has(t.state)) continue;
      const pairs = t.curves.steps.map((s, i) => [num(s), num(t.curves.values[metric][i])]);
      lines.push({trial: t, pairs: pairs.map(p => Number.isFinite(p[0]) && Number.isFinite(p[1]) && (!log || p[1] > 0) ? p : null)});
    }
    const all = lines.flatMap(l => l.pairs.filter(p => p));
    if (!all.length) return nothing(plot, "There is nothing to draw for this choice.");
    const steps = all.map(p => p[0]), goal = objectives.findIndex(o => o.metric === metric);
    const low = steps.reduce((p, q) => Math.min(p, q)), high = steps.reduce((p, q) => Math.max(p, q));
    // Curves begin far from where they end: only values very far out are left outside.
    const d = domain(all.map(p => p[1]), goal < 0 ? 0 : sign(goal), log, 12, .02);
    const f = frame(plot, {width, height: Math.min(440, 240 + width * .17), label: "Learning curves", xTitle: "step", yTitle: metric,
      x: {kind: "linear", integer: steps.every(Number.isInteger), low: high > low ? low : low - .5, high: high > low ? high : low + .5}, y: {kind: log ? "log" : "linear", ...d}});
    const points = [], ends = [], stars = [], forecasts = [], paths = new Map();
    lines.sort((p, q) => isBest(p.trial) - isBest(q.trial));
    for (const l of lines) {
      let path = "", open = false, last = null;
      for (const p of l.pairs) {
        if (!p) { open = false; continue; }
        last = {trial: l.trial, x: f.X.at(p[0]), y: f.Y.clamp(p[1]), step: p[0], value: p[1]};
        path += (open ? "L" : "M") + fixed(last.x) + "," + fixed(last.y);
        open = true;
        points.push(last);
      }
      if (!last) continue;
      paths.set(l.trial, path);
      const best = isBest(l.trial);
      f.plot.append(svg("path", {d: path, fill: "none", "stroke-linejoin": "round", "stroke-linecap": "round", stroke: best ? "var(--best)" : stateColour(l.trial.state),
        "stroke-width": best ? 2.6 : 1.4, "stroke-opacity": best ? 1 : lines.length > 400 ? .15 : lines.length > 100 ? .35 : .6}));
      if (metric === goals[0] && l.trial.numbers && Number.isFinite(num(l.trial.numbers.forecast))) forecasts.push({trial: l.trial, from: last});
      if (best) {
        // Where the value that makes it the best was reported; the end where it was told otherwise.
        const made = goal < 0 ? undefined : l.pairs.find(p => p && p[1] === l.trial.y[goal]);
        stars.push(made ? bestMark(f.X.at(made[0]), f.Y.clamp(made[1])) : bestMark(last.x, last.y));
      }
      else if (l.trial.state !== "completed" || !path.includes("L")) ends.push(last);
    }
    // Where a trial was ended on a forecast: the interval in which it was expected to end.
    for (const {trial: t, from} of forecasts) {
      const at = name => f.Y.clamp(num(t.numbers[name])), end = f.right - 3, colour = stateColour(t.state);
      f.plot.append(svg("path", {d: `M${fixed(from.x)},${fixed(from.y)}L${fixed(end)},${fixed(at("forecast"))}`, fill: "none", stroke: colour, "stroke-dasharray": "2 3", "stroke-opacity": forecasts.length > 30 ? .25 : .6}));
      if (Number.isFinite(num(t.numbers.low)) && Number.isFinite(num(t.numbers.high)))
        f.plot.append(svg("path", {d: `M${fixed(end)},${fixed(at("low"))}V${fixed(at("high"))}`, stroke: colour, "stroke-width": 2, "stroke-opacity": forecasts.length > 30 ? .25 : .6}));
    }
    f.plot.append(...marks(ends, 3.4, .95), ...stars);
    plot.append(outsideNote(d.outside));
    hover(f.root, points, p => [[metric + " at step " + text(p.step), text(p.value, 6)]]);
    highlighters.curves = t => f.over.replaceChildren(...(paths.has(t) ? [svg("path", {d: paths.get(t), fill: "none", stroke: "var(--text)", "stroke-width": 2.6})] : []));
  });
  if (!reported.length) return c.redraw();
  if (names.length > 1) c.bar.append(selector("metric", names.map(n => [n, n]), v => { metric = v; c.redraw(); }));
  c.bar.append(checkbox("log values", v => { log = v; c.redraw(); }));
  for (const s of stateNames.filter(n => reported.some(t => t.state === n))) {
    const box = checkbox("", v => { v ? hidden.delete(s) : hidden.add(s); c.redraw(); }, true);
    box.append(legend([s]));
    c.bar.append(box);
  }
  c.bar.append(legend([], [["best", bestMark(7, 7)]]));
  c.redraw();
}

// ---------------------------------------------------------------- slices: the objective against each parameter alone
function slices() {
  let k = 0, log = false;
  const shown = parameters.map((p, i) => i).filter(i => varies(parameters[i]));
  // Points of a choice are spread a little, always the same way, so that they do not hide each other.
  const spread = t => ((t.number * .6180339887) % 1 - .5) * .6;
  const c = chart("slices", (plot, width) => {
    const good = trials.filter(t => t.has[k] && (!log || t.y[k] > 0));
    if (!good.length || !shown.length) return nothing(plot, shown.length ? "No trial came to a value." : "No parameter varies.");
    const grid = el("div", {class: "slices"});
    plot.append(grid);
    const d = domain(good.map(t => t.y[k]), sign(k), log);
    const count = Math.max(1, Math.floor((width + 10) / 280)), side = Math.floor((width - (count - 1) * 10) / count) - 1;
    const rings = [];
    for (const i of shown) {
      const p = parameters[i], cell = el("div");
      grid.append(cell);
      const described = p.kind === "categorical" ? {kind: "ordinal", choices: p.choices} : {kind: p.scale, low: p.low, high: p.high, integer: p.kind === "integer"};
      const f = frame(cell, {width: side, height: 200, small: true, x: described, y: {kind: log ? "log" : "linear", ...d}, xTitle: p.name, label: "Values by " + p.name});
      const points = good.filter(t => t.configuration[i] !== null).map(t => ({trial: t, y: f.Y.clamp(t.y[k]),
        x: f.X.at(t.configuration[i]) + (f.X.cell ? f.X.cell * spread(t) : 0)}));
      f.plot.append(...(log ? [] : believedCurve(f, k, i)), ...marks(points, good.length > 300 ? 2.2 : 3.2, .65));
      for (const q of points) if (isBest(q.trial) && data.front.length < 30) f.plot.append(bestMark(q.x, q.y, 6));
      hover(f.root, points);
      ring("slices", f.over, points);
      rings.push(highlighters.slices);
    }
    highlighters.slices = t => rings.forEach(r => r(t));
    plot.append(outsideNote(d.outside));
  });
  if (objectives.length > 1) c.bar.append(selector("objective", objectiveChoices, v => { k = +v; c.redraw(); }));
  if (data.model.length) c.bar.append(legend([], [["believed, all else as in the best trial (95 % band)", svg("path", {class: "believed-middle", d: "M0,7H14"})]]));
  if (trials.some(t => t.has.some((h, i) => h && t.y[i] > 0)) && shown.length) c.bar.append(checkbox("log values", v => { log = v; c.redraw(); }));
  c.redraw();
}

// ---------------------------------------------------------------- Pareto front of two objectives
function pareto() {
  const c = chart("pareto", (plot, width) => {
    const good = trials.filter(t => t.has[0] && t.has[1]);
    if (!good.length) return nothing(plot, "No trial came to a value of both objectives.");
    const d = [0, 1].map(k => domain(good.map(t => t.y[k]), sign(k), false));
    const name = k => objectives[k].metric + " (" + objectives[k].direction + ")";
    const f = frame(plot, {width, height: Math.min(460, 240 + width * .2), x: {kind: "linear", ...d[0]}, y: {kind: "linear", ...d[1]}, xTitle: name(0), yTitle: name(1), label: "Pareto front"});
    const points = good.map(t => ({trial: t, x: f.X.clamp(t.y[0]), y: f.Y.clamp(t.y[1])}));
    const best = good.filter(t => front.has(t.number)).sort((p, q) => p.y[0] - q.y[0]);
    // Between neighbours the border of what the front dominates runs through the worse value of both.
    const worse = (a, b, k) => sign(k) > 0 ? Math.max(a.y[k], b.y[k]) : Math.min(a.y[k], b.y[k]);
    let line = "";
    best.forEach((t, i) => {
      if (i) line += `L${fixed(f.X.clamp(worse(best[i - 1], t, 0)))},${fixed(f.Y.clamp(worse(best[i - 1], t, 1)))}`;
      line += (i ? "L" : "M") + fixed(f.X.clamp(t.y[0])) + "," + fixed(f.Y.clamp(t.y[1]));
    });
    f.plot.append(...marks(points.filter(p => !front.has(p.trial.number)), 3.4, .55), svg("path", {d: line, fill: "none", stroke: "var(--best)", "stroke-width": 1.8}),
      ...best.map(t => bestMark(f.X.clamp(t.y[0]), f.Y.clamp(t.y[1]))));
    plot.append(outsideNote(Math.max(d[0].outside, d[1].outside)));
    hover(f.root, points, p => front.has(p.trial.number) ? [["front", "nothing beats it"]] : []);
    ring("pareto", f.over, points);
  });
  if (!c) return;
  c.bar.append(legend(presentStates().filter(s => s === "completed" || s === "stopped"), [["on the front", bestMark(7, 7)], ...hollowKey()]));
  c.redraw();
}

// ---------------------------------------------------------------- timeline: trials side by side share no row
function timeline() {
  const until = t => t.until;
  const c = chart("timeline", (plot, width) => {
    if (!trials.length) return nothing(plot, "No trial was begun yet.");
    const ends = [], row = new Map();
    for (const t of [...trials].sort((p, q) => p.started - q.started || p.number - q.number)) {
      let lane = ends.findIndex(e => e <= t.started + 1e-9);
      if (lane < 0) lane = ends.length;
      ends[lane] = until(t);
      row.set(t, lane);
    }
    const low = Math.min(0, ...trials.map(t => t.started)), high = Math.max(low + 1e-3, ...trials.map(until), data.now);
    const thick = ends.length > 40 ? 6 : ends.length > 15 ? 12 : 20, left = 8, bottom = 8 + ends.length * thick;
    const root = svg("svg", {width, height: bottom + 40, role: "img", "aria-label": "Timeline of trials"});
    const X = makeScale({kind: "time", low, high}, left, width - 14);
    drawX(root, X, bottom, width);
    root.append(svg("path", {class: "axis", d: `M${left},${bottom}H${width - 14}`}),
      svg("text", {class: "title", x: width / 2, y: bottom + 36, "text-anchor": "middle"}, timeTitle));
    const bars = {}, boxes = trials.map(t => {
      const x = X.at(t.started), box = {trial: t, x, y: 8 + row.get(t) * thick, w: Math.max(1.2, X.at(until(t)) - x - 1)};
      (bars[t.state] ||= []).push(`M${fixed(x)},${box.y}h${fixed(box.w)}v${thick - 2}h${fixed(-box.w)}z`);
      return box;
    });
    for (const s in bars) root.append(svg("path", {d: bars[s].join(""), fill: stateColour(s), "fill-opacity": .85}));
    for (const b of boxes) {
      if (isBest(b.trial)) root.append(bestMark(b.x + b.w / 2, b.y + thick / 2 - 1, Math.min(7, thick / 2)));
      else if (thick > 15 && b.w > textWidth(b.trial.number) + 4)
        root.append(svg("text", {x: b.x + b.w / 2, y: b.y + thick / 2 + 3, "text-anchor": "middle", style: "fill:var(--card)"}, b.trial.number));
    }
    const over = svg("g", {"pointer-events": "none"});
    root.append(over);
    plot.append(root);
    root.addEventListener("pointermove", e => {
      const r = root.getBoundingClientRect(), x = e.clientX - r.left, y = e.clientY - r.top;
      const b = boxes.find(q => y >= q.y && y < q.y + thick && x >= q.x - 1 && x <= q.x + q.w + 1);
      if (b) { tellTrial(e, b.trial, [["began at", duration(b.trial.began)]]); highlight(b.trial); } else { hush(); highlight(null); }
    });
    root.addEventListener("pointerleave", () => { hush(); highlight(null); });
    const of = new Map(boxes.map(b => [b.trial, b]));
    highlighters.timeline = t => over.replaceChildren(...(of.has(t) ? [svg("rect", {class: "ring", x: of.get(t).x, y: of.get(t).y, width: of.get(t).w, height: thick - 2})] : []));
  });
  c.bar.append(legend(presentStates()));
  c.redraw();
}
)js";
}

}  // namespace attune::detail
