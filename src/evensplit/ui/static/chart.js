// Draws what `charts.py` made, in the colours of the page. Plotly stands beside the page as a script of its own.

const EARLIER = ", before"; // ends the name of a line of the period that is compared with
const ROW = 20; // pixels of a row of a heatmap
const LEGENDS = 6; // lines above which those of the period before are not listed one by one
const LONGEST = 60; // characters of a name on a chart
const drawn = new Map(); // element -> what was drawn on it, to be drawn again in another theme

function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const isNarrow = (element) => element.clientWidth < 480;

// A row of a heatmap must be high enough for its text, unless the tile it stands in says how high it is.
// Paths need their width: where there is none they are moved sideways.
function stretch(chart, element) {
  if (element.closest(".tile-card")) return;
  if (chart.data.some((trace) => trace.type === "sankey")) element.style.minWidth = "44rem";
  const heat = chart.data.find((trace) => trace.type === "heatmap");
  if (!heat || isNarrow(element)) return;
  element.style.minHeight = `${heat.z.length * ROW + 70}px`;
}

function themed(chart, element) {
  const ink = token("--ink"), soft = token("--ink-soft"), line = token("--line");
  const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, tickfont: { color: soft }, automargin: true, separatethousands: true };
  const colorway = Array.from({ length: 10 }, (_, n) => token(`--series-${n + 1}`));
  const narrow = isNarrow(element);
  const size = Math.round(parseFloat(getComputedStyle(document.documentElement).fontSize) * 0.86);
  const named = chart.data.filter((trace) => trace.name).length;
  const layout = {
    paper_bgcolor: "transparent", plot_bgcolor: "transparent", colorway,
    font: { family: token("--font"), size, color: ink },
    margin: { t: 8, r: 12, b: 36, l: 44, pad: 2 },
    showlegend: named > 1,
    legend: { orientation: "h", y: -42 / Math.max(80, element.clientHeight - 90), yanchor: "top", x: 0, font: { color: ink }, itemwidth: 30 },
    hoverlabel: { bgcolor: token("--raised"), bordercolor: line, font: { color: ink }, align: "left", namelength: 40 },
    ...chart.layout,
  };
  layout.xaxis = { ...axis, showgrid: false, nticks: narrow ? 4 : undefined, ...(chart.layout.xaxis || {}) };
  layout.yaxis = { ...axis, rangemode: "tozero", ...(chart.layout.yaxis || {}) };
  for (const each of [layout.xaxis, layout.yaxis]) {
    if (each.title) each.title = { standoff: 6, ...each.title, font: { size, color: soft } };
  }
  if (chart.data.some((trace) => trace.type === "sankey")) layout.margin.l = 4;
  if (chart.data.some((trace) => trace.type === "heatmap")) layout.yaxis.showgrid = false;
  // A single instant would be an axis of milliseconds.
  if (!layout.xaxis.type && chart.data.every((trace) => trace.type === "scatter" && trace.x?.length === 1)) layout.xaxis.type = "category";
  layout.shapes = (chart.layout.shapes || []).map((shape) => ({ ...shape, layer: "below", line: { color: token("--line-strong"), width: 1.5, dash: "dash", ...shape.line } }));
  const mains = chart.data.filter((trace) => !isEarlier(trace));
  const earlier = chart.data.filter(isEarlier);
  const data = chart.data.map((trace) => {
    const place = trace.meta?.like ?? (isEarlier(trace) ? mains.findIndex((main) => `${main.name}${EARLIER}` === trace.name) : mains.indexOf(trace));
    const made = restyled(trace, { ink, line, colorway, narrow, own: colorway[Math.max(place, 0) % colorway.length] });
    if (named > LEGENDS && isEarlier(trace) && trace !== earlier[0]) made.showlegend = false;
    return made;
  });
  return { data, layout };
}

// Plotly reads tags and entities in its texts; what others sent is to be seen as they sent it, and not at any length.
function plain(text) {
  if (typeof text !== "string") return text;
  const short = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return short.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function isEarlier(trace) {
  return (trace.name || "").endsWith(EARLIER);
}

// The largest share after the first column, which is always 1 and would make all others pale.
function highest(rows) {
  return Math.max(0.01, ...rows.flatMap((row) => row.slice(1)).filter((value) => value !== null));
}

// Names stand to the right of what they name, but for the last ones, which would run into those before. So there is
// one step more that cannot be seen.
function roomAfter(sankey) {
  const { source, target, value } = sankey.link, nodes = sankey.node.label.length;
  const deep = Array(nodes).fill(0);
  for (let round = 0; round < nodes; round += 1) source.forEach((from, n) => { deep[target[n]] = Math.max(deep[target[n]], Math.min(deep[from] + 1, nodes)); });
  const ends = [...deep.keys()].filter((node) => deep[node] === Math.max(...deep) && target.includes(node));
  if (!ends.length) return;
  const nothing = Math.max(...value) * 1e-6, unseen = "rgba(0, 0, 0, 0)";
  sankey.node = { ...sankey.node, label: [...sankey.node.label, ""], color: [...sankey.node.color, unseen] };
  sankey.link = { ...sankey.link, source: [...source, ...ends], target: [...target, ...ends.map(() => nodes)], value: [...value, ...ends.map(() => nothing)],
    color: [...source.map(() => sankey.link.color), ...ends.map(() => unseen)] };
}

function restyled(trace, { ink, line, colorway, narrow, own }) {
  const made = { ...trace };
  if (made.name) made.name = plain(made.name);
  if (Array.isArray(made.x)) made.x = made.x.map(plain);
  if (Array.isArray(made.y)) made.y = made.y.map(plain);
  if (made.type === "heatmap") {
    made.colorscale = [[0, token("--heat-0")], [1, token("--heat-1")]];
    made.xgap = made.ygap = 1;
    made.zmax = highest(made.z);
    made.showscale = false;
    if (narrow) delete made.texttemplate;
  }
  if (made.type === "sankey") {
    made.node = { ...made.node, label: made.node.label.map(plain), align: "left", color: made.node.label.map((_, n) => colorway[n % colorway.length]), line: { width: 0 } };
    made.link = { ...made.link, color: line };
    roomAfter(made);
    made.textfont = { color: ink };
  }
  if (made.type === "scatter") {
    made.line = { width: 2, ...(made.line || {}) };
    made.marker = { size: (made.x || []).length > 45 ? 3 : 5, ...(made.marker || {}) };
    made.line.color = made.marker.color = own;
    if (isEarlier(made)) made.opacity = 0.55;
  }
  if (made.type === "bar" && made.text) made.textposition = "outside";
  return made;
}

export function draw(element, chart) {
  stretch(chart, element);
  const { data, layout } = themed(chart, element);
  drawn.set(element, chart);
  return window.Plotly.react(element, data, layout, { displayModeBar: false, responsive: true, showTips: false });
}

// Draw every chart of a fragment that was just put into the page. `onPoint` is told which trace and point was clicked.
export async function drawAll(root, onPoint) {
  await ready();
  for (const element of root.querySelectorAll(".chart:not([hidden])")) {
    const source = element.parentElement.querySelector("script.chart-data");
    await draw(element, JSON.parse(source.textContent));
    if (onPoint) element.on("plotly_click", (event) => onPoint(event.points[0]));
  }
}

export function forget(root) {
  for (const element of root.querySelectorAll(".chart")) {
    if (drawn.delete(element)) window.Plotly.purge(element);
  }
}

export async function png(element, name) {
  await window.Plotly.downloadImage(element, { format: "png", filename: name, width: element.clientWidth, height: element.clientHeight, scale: 2 });
}

function ready() {
  if (window.Plotly) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => (window.Plotly ? resolve() : setTimeout(look, 20));
    look();
  });
}

document.addEventListener("theme", () => {
  for (const [element, chart] of drawn) {
    if (element.isConnected) draw(element, chart);
    else drawn.delete(element);
  }
});
