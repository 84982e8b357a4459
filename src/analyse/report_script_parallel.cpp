#include "report_parts.hpp"

namespace attune::detail {

std::string_view report_script_parallel() {
    return R"js(
// ---------------------------------------------------------------- parallel coordinates
// Trials that no brush leaves out, or null where nothing is brushed; the table follows it.
let brushed = null;
const brushListeners = [];
function parallel() {
  // One best trial has a colour of its own; a front keeps the shades and stands out by its weight.
  const several = objectives.length > 1;
  let k = 0, endedOnly = true;
  const brushes = new Map();  // axis key -> [low, high] as shares of the axis, 0 at the top
  const axisTop = 46, axisBottom = 330, noneY = 362;
  const shown = parameters.map((p, i) => i).filter(i => varies(parameters[i]));
  const c = chart("parallel", (plot, width) => {
    const used = trials.filter(t => !endedOnly || t.has.every(h => h));
    if (!used.length || !shown.length) return nothing(plot, shown.length ? "No trial came to a value." : "No parameter varies.");
    const axes = axesOf(used);
    const inner = axes.length * 74 <= width ? width : axes.length * 92, gap = (inner - 120) / Math.max(1, axes.length - 1);
    axes.forEach((a, j) => { a.x = 56 + j * gap; });
    const height = axes.some(a => a.none) ? noneY + 22 : axisBottom + 16;
    const root = svg("svg", {width: inner, height, role: "img", "aria-label": "Parallel coordinates", style: "touch-action: pan-x pan-y"});
    const lines = svg("g", {fill: "none"}), over = svg("g", {"pointer-events": "none"});
    root.append(lines);
    const colour = colouring(used);
    const drawn = used.map(t => ({trial: t, at: axes.map(a => [a.x, a.at(t)])}));
    drawn.sort((p, q) => rank(p.trial) - rank(q.trial));
    for (const d of drawn) {
      d.path = "M" + d.at.map(q => fixed(q[0]) + "," + fixed(q[1])).join("L");
      d.node = svg("path", {d: d.path, stroke: isBest(d.trial) && !several ? "var(--best)" : colour(d.trial)});
      lines.append(d.node);
    }
    // Where names are longer than the way to the next axis, they stand on two levels in turn, with the room of two.
    const crowded = axes.some(a => textWidth(a.name) > gap - 12);
    axes.forEach((a, j) => drawAxis(root, a, gap, crowded, j, () => update(drawn, axes, note)));
    root.append(over);
    const scroll = el("div", {class: "scroll"}, root), note = el("p", {class: "note"});
    plot.append(scroll, scaleLegend(used), note);
    update(drawn, axes, note);
    follow(root, drawn, over);
  });
  const rank = t => isBest(t) ? Infinity : t.has[k] ? -sign(k) * t.y[k] : -Infinity;

  function axesOf(used) {
    const axes = shown.map(i => {
      const p = parameters[i], scale = parameterScale(p, axisBottom, axisTop);
      return {key: "p" + i, name: p.name, scale, none: used.some(t => t.configuration[i] === null),
        at: t => t.configuration[i] === null ? noneY : scale.at(t.configuration[i])};
    });
    objectives.forEach((o, j) => {
      const good = used.filter(t => t.has[j]), scale = makeScale({kind: "linear", ...domain(good.map(t => t.y[j]), sign(j), false)}, axisBottom, axisTop);
      axes.push({key: "o" + j, name: o.metric, scale, objective: true, none: good.length < used.length, at: t => t.has[j] ? scale.clamp(t.y[j]) : noneY});
    });
    return axes;
  }
  /// Shades from the best value to the worst that is not far out.
  function colouring(used) {
    const d = domain(used.filter(t => t.has[k]).map(t => t.y[k]), sign(k), false);
    return t => !t.has[k] ? "var(--other)" : shade(Math.min(1, Math.max(0, sign(k) > 0 ? (d.high - t.y[k]) / (d.high - d.low) : (t.y[k] - d.low) / (d.high - d.low))));
  }
  function scaleLegend(used) {
    const v = used.filter(t => t.has[k]).map(t => t.y[k]), d = domain(v, sign(k), false);
    const low = Math.max(d.low, Math.min(...v)), high = Math.min(d.high, Math.max(...v));
    const ends = sign(k) > 0 ? [high, low] : [low, high];
    const strip = svg("svg", {width: 160, height: 12, "aria-hidden": "true"}, [...Array(32).keys()].map(i => svg("rect", {x: i * 5, width: 5.5, height: 12, fill: shade(i / 31)})));
    return el("div", {class: "bar"}, el("span", {class: "legend"}, el("span", {}, short(objectives[k].metric, 40) + ": " + text(ends[0], 3), strip, text(ends[1], 3)),
      el("span", {}, svg("svg", {width: 18, height: 12}, svg("path", {d: "M0,6H18", stroke: several ? "var(--text)" : "var(--best)", "stroke-width": 2.5})), several ? "bold: Pareto front" : "best")));
  }
  function drawAxis(root, a, gap, crowded, j, changed) {
    root.append(svg("path", {class: "axis", d: `M${a.x},${axisTop}V${axisBottom}`, style: "stroke:var(--muted)"}));
    const name = fitText(a.name, crowded ? gap * 1.9 : gap - 12), half = textWidth(name) * .56 + 2;
    const middle = Math.min(Math.max(a.x, half), Number(root.getAttribute("width")) - half);
    root.append(svg("text", {class: "title", x: middle, y: crowded && j % 2 === 0 ? 12 : 28, "text-anchor": "middle", style: a.objective ? "font-weight:600" : ""}, name,
      svg("title", {}, a.name)));
    let free = Infinity;
    for (const t of a.scale.ticks(6)) {
      if (Math.abs(t.at - free) < 12) continue;
      free = t.at;
      root.append(svg("path", {class: "axis", d: `M${a.x - 3},${fixed(t.at)}h6`, style: "stroke:var(--muted)"}),
        svg("text", {x: a.x + 6, y: t.at + 4, style: "paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round"}, fitText(t.label, gap - 12)));
    }
    if (a.none) root.append(svg("path", {class: "axis", d: `M${a.x},${axisBottom}V${noneY}`, "stroke-dasharray": "2 4"}),
      svg("path", {class: "axis", d: `M${a.x - 4},${noneY}h8`, style: "stroke:var(--muted)"}), svg("text", {x: a.x, y: noneY + 15, "text-anchor": "middle"}, a.objective ? "no value" : "inactive"));
    brushing(root, a, changed);
  }
  /// Dragging along an axis keeps the trials that pass there; a click takes the brush away.
  function brushing(root, a, changed) {
    const box = svg("rect", {class: "brush", x: a.x - 9, width: 18, "pointer-events": "none"});
    const area = svg("rect", {x: a.x - 13, y: axisTop - 10, width: 26, height: noneY - axisTop + 22, fill: "transparent", style: "cursor:crosshair;touch-action:none"});
    const show = () => {
      const b = brushes.get(a.key);
      box.setAttribute("display", b ? "" : "none");
      if (b) { box.setAttribute("y", b[0]); box.setAttribute("height", Math.max(1, b[1] - b[0])); }
    };
    let from = null;
    const place = e => Math.min(noneY + 10, Math.max(axisTop - 8, e.clientY - root.getBoundingClientRect().top));
    area.addEventListener("pointerdown", e => { from = place(e); area.setPointerCapture(e.pointerId); e.preventDefault(); });
    area.addEventListener("pointermove", e => {
      if (from === null) return;
      const to = place(e);
      if (Math.abs(to - from) > 3) brushes.set(a.key, [Math.min(from, to), Math.max(from, to)]);
      show();
      changed();
    });
    area.addEventListener("pointerup", e => {
      if (from !== null && Math.abs(place(e) - from) <= 3) brushes.delete(a.key);
      from = null;
      show();
      changed();
    });
    area.addEventListener("pointercancel", () => { from = null; });
    show();
    root.append(box, area);
  }
  function update(drawn, axes, note) {
    const active = axes.map((a, j) => [j, brushes.get(a.key)]).filter(q => q[1]);
    const kept = drawn.filter(d => active.every(([j, b]) => d.at[j][1] >= b[0] && d.at[j][1] <= b[1]));
    const keep = new Set(kept);
    for (const d of drawn) {
      const on = keep.has(d), best = isBest(d.trial);
      d.on = on;
      d.node.setAttribute("stroke-opacity", on ? (best ? 1 : several ? .3 : drawn.length > 400 ? .2 : drawn.length > 100 ? .4 : .65) : .06);
      d.node.setAttribute("stroke-width", best && on ? 2.6 : 1.4);
    }
    note.replaceChildren(active.length ? `${kept.length} of ${drawn.length} trials pass the brushes. ` : "Drag along an axis to keep the trials that pass there; click it to take the brush away.");
    if (active.length) note.append(el("button", {onclick: () => { brushes.clear(); charts.parallel(); }}, "clear"));
    brushed = active.length ? new Set(kept.map(d => d.trial)) : null;
    for (const listener of brushListeners) listener();
  }
  /// The nearest line under the pointer, by its height between the two axes around it.
  function follow(root, drawn, over) {
    root.addEventListener("pointermove", e => {
      if (e.buttons) return hush();
      const r = root.getBoundingClientRect(), x = e.clientX - r.left, y = e.clientY - r.top;
      let found = null, least = 9;
      for (const d of drawn) {
        if (!d.on) continue;
        const j = d.at.findIndex(q => q[0] >= x);
        if (j < 0 || (j === 0 && d.at[0][0] - x > 8)) continue;
        const [x1, y1] = d.at[j], [x0, y0] = d.at[Math.max(0, j - 1)];
        const away = Math.abs((x1 > x0 ? y0 + (y1 - y0) * (x - x0) / (x1 - x0) : y1) - y);
        if (away < least) { least = away; found = d; }
      }
      if (found) { tellTrial(e, found.trial); highlight(found.trial); } else { hush(); highlight(null); }
    });
    root.addEventListener("pointerleave", () => { hush(); highlight(null); });
    const of = new Map(drawn.map(d => [d.trial, d]));
    highlighters.parallel = t => over.replaceChildren(...(of.has(t) ? [svg("path", {d: of.get(t).path, fill: "none", stroke: "var(--text)", "stroke-width": 2.6})] : []));
  }
  if (objectives.length > 1) c.bar.append(selector("colour by", objectiveChoices, v => { k = +v; c.redraw(); }));
  if (trials.some(t => !t.has.every(h => h)) && trials.some(t => t.has.every(h => h)))
    c.bar.append(checkbox("only trials with values", v => { endedOnly = v; c.redraw(); }, true));
  c.redraw();
}
)js";
}

}  // namespace attune::detail
