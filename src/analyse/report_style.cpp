#include "report_parts.hpp"

namespace attune::detail {

// Colours of states follow Okabe and Ito, told apart with every common kind of colour blindness; shapes say
// the same again.
std::string_view report_style() {
    return R"css(
:root {
  color-scheme: light dark;
  --page: #f4f5f7; --card: #ffffff; --text: #1b2028; --muted: #5d6675; --line: #dfe3e8; --grid: #eceff2;
  --accent: #0b62a8; --hover: #eef4fa; --best: #b4237a;
  --completed: #0072b2; --stopped: #c98500; --failed: #d04a00; --running: #00895f; --other: #7a8290;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12151a; --card: #1b2027; --text: #e4e8ee; --muted: #9aa4b2; --line: #323a45; --grid: #272e37;
    --accent: #6db3f2; --hover: #242c36; --best: #ff8ac8;
    --completed: #56b4e9; --stopped: #f0b030; --failed: #ff7f3f; --running: #2fc99a; --other: #929cab;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 3.2rem; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
header { position: sticky; top: 0; z-index: 5; display: flex; flex-wrap: wrap; align-items: baseline; gap: .2rem 1.5rem;
  padding: .5rem max(1rem, calc((100vw - 1240px) / 2)); background: var(--card); border-bottom: 1px solid var(--line); }
h1 { margin: 0; font-size: 1.15rem; font-weight: 650; max-width: 100%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
nav { display: flex; flex-wrap: wrap; gap: .1rem 1rem; max-width: 100%; }
nav a { flex: none; color: var(--muted); text-decoration: none; font-size: .87rem; max-width: 100%; overflow-wrap: anywhere; }
nav a:hover, nav a:focus { color: var(--accent); text-decoration: underline; }
main { max-width: 1272px; margin: 0 auto; padding: 1rem; }
.card, .tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.card { padding: 1rem 1.2rem; margin: 0 0 1rem; }
h2 { margin: 0 0 .6rem; font-size: 1.05rem; font-weight: 650; overflow-wrap: anywhere; }
h3 { margin: 0 0 .3rem; font-size: .8rem; font-weight: 600; color: var(--muted); }
p { margin: .3rem 0; }
.note { color: var(--muted); font-size: .87rem; overflow-wrap: anywhere; }
code { font: .86em/1.4 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 1rem; margin-bottom: 1rem; }
.tile { padding: .8rem 1rem; min-width: 0; }
.tile p { margin: 0; }
.big { font-size: 1.55rem; font-weight: 650; line-height: 1.25; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.big .words { font-size: 1rem; line-height: 1.35; display: block; }
.small { color: var(--muted); font-size: .82rem; overflow-wrap: anywhere; }
.statebar { display: flex; height: 7px; gap: 2px; margin: .35rem 0; border-radius: 4px; overflow: hidden; }
.statebar i { min-width: 3px; }
.count { display: inline-flex; align-items: center; gap: .3rem; margin-right: .5rem; white-space: nowrap; }
.count i, .dot { display: inline-block; width: .62rem; height: .62rem; border-radius: 50%; }
.state-completed { background: var(--completed); } .state-stopped { background: var(--stopped); }
.state-failed { background: var(--failed); } .state-running { background: var(--running); }
.state-paused, .state-interrupted, .state-waiting { background: var(--other); }

/* Shadows at the edges say that there is more to the side; at the end the card's own colour covers them. */
.scroll { overflow-x: auto; background:
  linear-gradient(to right, var(--card) 45%, transparent) 0 0 / 2rem 100% local, linear-gradient(to left, var(--card) 45%, transparent) 100% 0 / 2rem 100% local,
  linear-gradient(to right, rgb(0 0 0 / 18%), transparent) 0 0 / .7rem 100% scroll, linear-gradient(to left, rgb(0 0 0 / 18%), transparent) 100% 0 / .7rem 100% scroll;
  background-repeat: no-repeat; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); gap: .6rem 2rem; }
.block { min-width: 0; margin-bottom: .6rem; }
table { border-collapse: collapse; font-size: .87rem; font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .7rem .28rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--grid); }
thead th { color: var(--muted); font-weight: 600; border-bottom-color: var(--line); white-space: nowrap; }
tbody th { font-weight: 500; }
.pairs { width: 100%; } .pairs th { width: 40%; min-width: 10rem; color: var(--muted); font-weight: 400; overflow-wrap: anywhere; }
.pairs td { overflow-wrap: anywhere; }
.number { text-align: right; }

.bar { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem 1rem; margin-bottom: .5rem; font-size: .85rem; color: var(--muted); }
.bar label { display: inline-flex; align-items: center; gap: .35rem; min-width: 0; }
.legend { display: inline-flex; flex-wrap: wrap; gap: .2rem .9rem; }
.legend span { display: inline-flex; align-items: center; gap: .3rem; }
.legend svg { display: block; }
select, input, button { font: inherit; color: var(--text); background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .15rem .5rem; max-width: 100%; }
select { max-width: 16rem; }
input[type=checkbox] { accent-color: var(--accent); }
button { cursor: pointer; } button:hover { background: var(--hover); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }

svg { display: block; max-width: none; touch-action: pan-y; }
svg text { fill: var(--muted); font-size: 11.5px; font-family: inherit; }
svg text.title { fill: var(--text); font-size: 12px; }
svg .band { fill: var(--grid); fill-opacity: .6; }
svg .grid { stroke: var(--grid); fill: none; } svg .axis { stroke: var(--line); fill: none; }
svg .brush { fill: var(--accent); fill-opacity: .18; stroke: var(--accent); }
svg .ring { fill: none; stroke: var(--text); stroke-width: 2; }
.maps { display: flex; flex-wrap: wrap; gap: .6rem 1.6rem; }
svg .believed { fill: var(--best); fill-opacity: .14; } svg .believed-middle { fill: none; stroke: var(--best); stroke-opacity: .75; stroke-width: 1.5; }
.slices { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 270px), 1fr)); gap: .6rem; }
.empty { color: var(--muted); padding: 1rem 0; }
#tooltip { position: fixed; z-index: 10; display: none; pointer-events: none; max-width: min(26rem, 92vw); padding: .5rem .7rem;
  background: var(--card); color: var(--text); border: 1px solid var(--line); border-radius: 8px; box-shadow: 0 4px 18px rgb(0 0 0 / 22%);
  font-size: .82rem; line-height: 1.4; }
#tooltip b { display: block; margin-bottom: .15rem; }
#tooltip dl { display: grid; grid-template-columns: minmax(0, auto) minmax(0, auto); gap: 0 .8rem; margin: 0; font-variant-numeric: tabular-nums; }
#tooltip dt { color: var(--muted); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
#tooltip dd { margin: 0; overflow: hidden; text-overflow: ellipsis; display: -webkit-box; -webkit-line-clamp: 3; -webkit-box-orient: vertical; overflow-wrap: anywhere; }

.trials { width: 100%; } .trials th button { border: 0; padding: 0; background: none; color: inherit; font-weight: 600; text-align: inherit; }
.trials thead th { white-space: normal; vertical-align: bottom; min-width: 3.2rem; }
.trials th, .trials td { padding-right: .6rem; }
.trials td { white-space: nowrap; max-width: 22rem; overflow: hidden; text-overflow: ellipsis; }
.trials td.words { max-width: 14rem; }
.trials tbody tr:hover { background: var(--hover); }
.trials tr.best td { background: color-mix(in srgb, var(--best) 12%, transparent); }
.trials .dot { margin-right: .4rem; }

.matrix { border-collapse: separate; border-spacing: 2px; }
.matrix th, .matrix td { border: 0; padding: .3rem .5rem; }
.matrix th { max-width: 14rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.matrix td { text-align: center; min-width: 3.4rem; border-radius: 4px; vertical-align: middle; line-height: 1.2; }
.matrix td b { display: block; font-weight: 600; } .matrix td small { opacity: .85; }
.matrix tbody th { vertical-align: middle; }
.matrix .across { vertical-align: bottom; max-width: 7rem; white-space: normal; overflow-wrap: anywhere; }
.matrix .none { background: var(--grid); color: var(--muted); } .matrix .none b { font-weight: 400; }
.matrix .right { background: color-mix(in srgb, var(--completed) var(--shade), var(--card)); }
.matrix .wrong { background: color-mix(in srgb, var(--failed) var(--shade), var(--card)); }
.matrix .deep { color: #fff; } .matrix .edge { color: var(--muted); }
@media (prefers-color-scheme: dark) { .matrix .deep { color: #10141a; } }
.importance { width: 100%; margin-bottom: .5rem; } .importance th, .importance td { vertical-align: middle; }
.importance th { width: 26%; overflow-wrap: anywhere; } .importance td.share { width: 9.5rem; white-space: nowrap; text-align: right; padding-right: 0; }
.importance .reach { position: relative; height: 1.1rem; background: var(--grid); border-radius: 3px; }
.importance .reach i { position: absolute; left: 0; top: 0; bottom: 0; border-radius: 3px; background: var(--accent); opacity: .8; }
.importance.unsure .reach i { background: none; border: 1px dashed var(--muted); } .importance.unsure .share { color: var(--muted); }
.note.warning { color: var(--text); font-weight: 600; }
.importance .reach b { position: absolute; top: calc(50% - 1px); height: 2px; min-width: 1px; background: var(--text); }
.importance .reach b::before, .importance .reach b::after { content: ""; position: absolute; top: -4px; height: 10px; width: 2px; background: var(--text); }
.importance .reach b::before { left: 0; } .importance .reach b::after { right: 0; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(130px, 1fr)); gap: .8rem; }
.gallery figure { margin: 0; min-width: 0; } .gallery img { width: 100%; aspect-ratio: 1; object-fit: contain; background: var(--grid); border-radius: 6px; }
.gallery figcaption { font-size: .8rem; color: var(--muted); overflow-wrap: anywhere; }
@media (max-width: 720px) { main { padding: .6rem; } .card { padding: .8rem .8rem; } body { font-size: 14px; } }
@media print { header { position: static; } nav, .bar input, .bar select, .bar button { display: none; } .card { break-inside: avoid; } }
)css";
}

}  // namespace attune::detail
