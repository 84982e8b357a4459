#include "report_parts.hpp"

namespace attune::detail {

std::string_view report_script_model() {
    return R"js(
// ---------------------------------------------------------------- what the model believes
/// The curve of a slice with its band, behind the trials of a chart.
function believedCurve(f, k, i) {
  const of = data.model.find(m => m.objective === k), slice = of && of.slices.find(s => s.parameter === i);
  if (!slice) return [];
  const X = slice.at.map(v => fixed(f.X.at(v))), Y = name => slice[name].map(v => fixed(f.Y.clamp(v)));
  const middle = Y("middle"), low = Y("low"), high = Y("high");
  if (f.X.kind === "ordinal") {
    const half = f.X.cell * .4;
    return X.flatMap((x, j) => [
      svg("rect", {class: "believed", x: fixed(x - half), width: fixed(2 * half), y: Math.min(low[j], high[j]), height: Math.max(1, Math.abs(low[j] - high[j]))}),
      svg("path", {class: "believed-middle", d: `M${fixed(x - half)},${middle[j]}h${fixed(2 * half)}`})]);
  }
  const pairs = ys => X.map((x, j) => x + "," + ys[j]);
  return [svg("path", {class: "believed", d: "M" + pairs(high).join("L") + "L" + pairs(low).reverse().join("L") + "z"}),
    svg("path", {class: "believed-middle", d: "M" + pairs(middle).join("L")})];
}

/// Maps over the two parameters that matter most: colour is the value, paleness what is not known.
function maps() {
  const shown = data.model.filter(m => m.map);
  const c = shown.length ? chart("model", (plot, width) => {
    const side = Math.min(560, width), row = el("div", {class: "maps"});
    plot.append(row);
    for (const m of shown) {
      const map = m.map, p = parameters[map.x], q = parameters[map.y], k = m.objective, o = objectives[k];
      const cells = map.rows.flat().filter(c => c), values = cells.map(c => c[0]), widths = cells.map(c => c[1]);
      const low = Math.min(...values), high = Math.max(...values), widest = Math.max(...widths);
      const cell = el("div");
      row.append(cell);
      cell.append(el("h3", {}, `${short(o.metric, 40)} over ${short(p.name, 30)} and ${short(q.name, 30)}`));
      const scale = r => r.kind === "categorical" ? {kind: "ordinal", choices: r.choices} : {kind: r.scale, low: r.low, high: r.high, integer: r.kind === "integer"};
      const f = frame(cell, {width: side, height: Math.round(side * .72), x: scale(p), y: scale(q), xTitle: p.name, yTitle: q.name, label: "The model's map of " + o.metric});
      const edges = (s, at, a, b) => {
        if (s.kind === "ordinal") return at.flatMap(v => [[s.at(v) - Math.abs(s.cell) / 2, s.at(v) + Math.abs(s.cell) / 2]]);
        const c = at.map(v => s.at(v));
        return c.map((v, i) => [i ? (c[i - 1] + v) / 2 : a, i + 1 < c.length ? (v + c[i + 1]) / 2 : b]);
      };
      const xs = edges(f.X, map.at_x, f.left, f.right), ys = edges(f.Y, map.at_y, f.bottom, f.top);
      map.rows.forEach((cellsOfRow, r) => cellsOfRow.forEach((c, i) => {
        if (!c) return;
        const good = high > low ? (o.direction === "maximize" ? c[0] - low : high - c[0]) / (high - low) : .5;
        // Whole pixels: between rounded widths a line of the page would shine through.
        const [x0, x1] = xs[i].map(Math.round), [y0, y1] = [Math.min(...ys[r]), Math.max(...ys[r])].map(Math.round);
        f.plot.append(svg("rect", {x: x0, y: y0, width: x1 - x0, height: y1 - y0, "shape-rendering": "crispEdges", fill: shade(good), "fill-opacity": fixed(1 - .65 * (widest > 0 ? c[1] / widest : 0)),
          onpointermove: e => tell(e, o.metric + " " + text(c[0], 4), [[p.name, text(map.at_x[i])], [q.name, text(map.at_y[r])], ["95 % interval", text(c[1], 3) + " wide"]]), onpointerleave: hush}));
      }));
      const points = trials.filter(t => t.has[k] && t.configuration[map.x] !== null && t.configuration[map.y] !== null).map(t => ({trial: t, x: f.X.at(t.configuration[map.x]), y: f.Y.at(t.configuration[map.y])}));
      f.over.append(svg("path", {d: points.map(a => shape("completed", a.x, a.y, 2.2)).join(""), fill: "var(--card)", stroke: "var(--text)", "stroke-width": .8}),
        ...points.filter(a => isBest(a.trial)).map(a => bestMark(a.x, a.y)));
      cell.append(el("p", {class: "note"}, (parameters.filter(varies).length > 2 ? `All else as in trial ${m.around}. ` : "") + `From ${text(o.direction === "maximize" ? low : high, 4)} (worst) to ${text(o.direction === "maximize" ? high : low, 4)} (best); pale where little is known. Dots are trials, whatever else they had.`));
    }
  }) : null;
  if (c) c.redraw();
}
)js";
}

}  // namespace attune::detail
