"""The style of the page: light and dark, desktop, phone and paper. Nothing of it comes from elsewhere.

Caller: `retrain.report_page.page_parts`.
"""

STYLE = """\
:root {
  color-scheme: light dark;
  --paper: #fbfaf8; --card: #ffffff; --ink: #1e2329; --soft: #5a6470; --rule: #dfe2e6; --grid: #e9ebee;
  --bar: #eceef1; --accent: #1f5fa8;
  --c0: #1f5fa8; --c1: #b4500c; --c2: #0f7a6c; --c3: #8a3ea0; --c4: #8a6a00;
  --c5: #b3304f; --c6: #4d6b1f; --c7: #5b5f97;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --card: #1b1f25; --ink: #e7e9ec; --soft: #a3acb8; --rule: #343b45; --grid: #2a3039;
    --bar: #282e37; --accent: #7db4f0;
    --c0: #7db4f0; --c1: #f0a064; --c2: #5fcab8; --c3: #d39ae6; --c4: #dcc05a; --c5: #f08ba2; --c6: #a9cc70;
    --c7: #b0b4f0;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 72px; }
header { border-bottom: 1px solid var(--rule); padding-bottom: 24px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 8px; letter-spacing: -0.01em; }
h2 { font-size: 21px; line-height: 1.3; margin: 56px 0 6px; letter-spacing: -0.005em; }
h3 { font-size: 15px; margin: 24px 0 8px; }
p { margin: 6px 0 16px; max-width: 72ch; color: var(--soft); }
header p { margin: 0; }
.warning { color: var(--ink); border-left: 3px solid var(--c1); padding-left: 12px; }
.tiles {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
  margin: 24px 0 0;
}
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 14px 16px; }
.tile b { display: block; font-size: 26px; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 13.5px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 16px; }
figure {
  margin: 0; background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: 12px 14px 8px; break-inside: avoid;
}
figcaption { font-weight: 600; font-size: 15px; margin: 0 0 4px; }
svg {
  display: block; width: 100%; height: auto;
  font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
svg text { fill: var(--ink); }
svg .tick, svg .axis-title { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
svg .value {
  font-size: 12.5px; paint-order: stroke; stroke: var(--card); stroke-width: 4px;
  stroke-linejoin: round; font-variant-numeric: tabular-nums;
}
svg .label { font-weight: 600; font-size: 12.5px; }
svg .grid { stroke: var(--grid); }
svg .base { stroke: var(--soft); stroke-opacity: 0.6; }
svg .bar { fill: var(--bar); }
svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
svg .whisker { stroke-width: 2; stroke-opacity: 0.55; }
svg .stem { stroke-width: 1.5; stroke-opacity: 0.5; }
svg .mark { stroke: var(--card); stroke-width: 1.2; }
.scroll { overflow-x: auto; margin-top: 14px; }
table { border-collapse: collapse; font-size: 14.5px; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); font-size: 13.5px; padding-bottom: 4px; }
th, td {
  padding: 5px 0 5px 24px; text-align: right; border-bottom: 1px solid var(--rule);
  white-space: nowrap;
}
th:first-child, td:first-child { text-align: left; padding-left: 0; }
thead th { font-weight: 600; color: var(--soft); vertical-align: bottom; white-space: normal; }
tbody th { font-weight: 500; }
td small { display: block; color: var(--soft); font-size: 12px; line-height: 1.3; }
.tables { display: flex; flex-wrap: wrap; gap: 0 48px; }
details { margin-top: 12px; }
summary { cursor: pointer; color: var(--accent); padding: 6px 0; }
dl {
  display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; margin: 12px 0;
  font-size: 14.5px;
}
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
footer {
  margin-top: 56px; border-top: 1px solid var(--rule); padding-top: 16px; color: var(--soft);
  font-size: 13.5px;
}
:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 3px; }
@media (max-width: 640px) {
  main { padding: 24px 14px 48px; }
  h1 { font-size: 25px; }
  h2 { margin-top: 44px; }
  figure { padding: 10px 8px 6px; }
  svg .tick, svg .axis-title, svg .label, svg .value { font-size: 14px; }
  .tile { padding: 12px; }
  .tile span { font-size: 12.5px; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 8px; }
  th, td { padding-left: 16px; }
}
@media print {
  :root {
    --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --rule: #ccc; --grid: #e4e4e4; --bar: #eee;
    --c0: #1f5fa8; --c1: #b4500c; --c2: #0f7a6c; --c3: #8a3ea0; --c4: #8a6a00;
  --c5: #b3304f; --c6: #4d6b1f; --c7: #5b5f97;
  }
  main { max-width: none; padding: 0; }
  .charts { grid-template-columns: 1fr 1fr; }
  h2 { break-after: avoid; }
  tr, figure, .tile { break-inside: avoid; }
}
"""
COLOR_RULES = "\n".join(
    f"svg .c{at}.line, svg .c{at}.whisker, svg .c{at}.stem {{ stroke: var(--c{at}); }}\n"
    f"svg .c{at}.mark, svg .c{at}.label, .key.c{at} {{ fill: var(--c{at}); color: var(--c{at}); }}"
    for at in range(8)
)
