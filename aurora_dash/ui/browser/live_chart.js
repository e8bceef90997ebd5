// A Plotly chart that lives through Streamlit's refreshes: one element, redrawn by Plotly.react.

const charts = new WeakMap();
const RESET = { "xaxis.autorange": true, "yaxis.autorange": true };
const CONFIG = {
  displaylogo: false,
  doubleClick: "reset+autosize",
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  toImageButtonOptions: { scale: 2 },
};

// The server's route names no lifetime, so HTTP caching alone would fetch 4.8 MB at each page load.
async function cachedScript(url) {
  const cache = await caches.open("aurora-dash-plotly");
  let response = await cache.match(url);
  if (!response) {
    for (const outdated of await cache.keys()) await cache.delete(outdated);
    await cache.add(url);
    response = await cache.match(url);
  }
  return URL.createObjectURL(await response.blob());
}

function runScript(source) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = source;
    script.onload = () => resolve(globalThis.Plotly);
    script.onerror = () => reject(new Error("plotly.min.js could not be loaded from this server"));
    document.head.append(script);
  });
}

// Kept on the window, so that all charts of a page share one copy whatever module they come from.
function loadPlotly(url) {
  globalThis.auroraDashPlotly ??= cachedScript(url)
    .catch(() => url)
    .then(runScript);
  return globalThis.auroraDashPlotly;
}

// Streamlit's theme goes into the template: what a figure sets for itself keeps the last word.
function themed(layout, host) {
  const style = getComputedStyle(host);
  const value = (name) => style.getPropertyValue(`--st-${name}`).trim();
  const text = value("text-color");
  const faint = value("border-color-light") || value("border-color");
  const line = value("border-color");
  const own = layout.template?.layout ?? {};
  const axis = { gridcolor: faint, zerolinecolor: line, linecolor: line, tickcolor: line };
  const template = {
    ...own,
    font: { ...own.font, color: text, family: value("font") },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    xaxis: { ...own.xaxis, ...axis },
    yaxis: { ...own.yaxis, ...axis },
    hoverlabel: {
      ...own.hoverlabel,
      bgcolor: value("background-color"),
      bordercolor: line,
      font: { color: text },
    },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: value("gray-color"), activecolor: text },
  };
  return { ...layout, template: { ...layout.template, layout: template } };
}

// Charts by the name of their link, with the stretch of the x axis that they share. On the window,
// for the same reason as Plotly.
const links = (globalThis.auroraDashLinks ??= new Map());

function linkOf(name) {
  if (!links.has(name)) links.set(name, { range: null, charts: new Set() });
  return links.get(name);
}

// What a zoom, a pan or a double click says of an axis; undefined if it was about something else.
function rangeOf(axis, change) {
  if (change[`${axis}.autorange`]) return null;
  const range = change[`${axis}.range`] ?? [change[`${axis}.range[0]`], change[`${axis}.range[1]`]];
  return range[0] === undefined ? undefined : range;
}

// How Plotly's JSON names the types of arrays.
const TYPES = {
  i1: Int8Array, u1: Uint8Array, i2: Int16Array, u2: Uint16Array, i4: Int32Array, u4: Uint32Array,
  f4: Float32Array, f8: Float64Array,
};

function decoded(values) {
  if (values?.bdata === undefined) return values ?? [];
  const bytes = Uint8Array.from(atob(values.bdata), (letter) => letter.charCodeAt(0));
  return new TYPES[values.dtype](bytes.buffer);
}

function joined(head, tail) {
  if (!ArrayBuffer.isView(head)) return [...head, ...tail];
  const whole = new head.constructor(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}

// What the mouse does, for who has none: how a key moves the ends of the x axis.
const KEYS = {
  ArrowLeft: ([from, to]) => [from - (to - from) / 10, to - (to - from) / 10],
  ArrowRight: ([from, to]) => [from + (to - from) / 10, to + (to - from) / 10],
  "+": ([from, to]) => [from + (to - from) / 8, to - (to - from) / 8],
  "-": ([from, to]) => [from - (to - from) / 6, to + (to - from) / 6],
  0: () => null,
};

function steerByKeys(host) {
  host.tabIndex = 0;
  host.setAttribute("role", "group");
  host.addEventListener("keydown", (event) => {
    const axis = host._fullLayout?.xaxis;
    const move = KEYS[event.key];
    if (!axis || !move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const ends = move(axis.range.map((end) => axis.r2l(end)));
    const change = ends ? { "xaxis.range": ends.map((end) => axis.l2r(end)) } : RESET;
    globalThis.Plotly.relayout(host, change);
  });
}

function labelOf(layout) {
  const title = layout.title?.text ?? layout.title ?? "";
  return `Chart: ${title}. Arrow keys move along, + and - zoom, 0 shows all.`;
}

// Plotly makes a class name of it, in which not every letter may stand.
function identifier(name) {
  return Array.from(name, (letter) => letter.codePointAt(0).toString(36)).join("-");
}

class LiveChart {
  constructor(parent) {
    this.host = document.createElement("div");
    this.host.className = "aurora-live-chart";
    parent.append(this.host);
    steerByKeys(this.host);
    this.waiting = null;
    this.latest = null;
    this.base = null;
    this.link = null;
    this.hidden = null;
    this.ranges = {};
    this.drawing = false;
    this.dragging = false;
    this.host.addEventListener("pointerdown", () => (this.dragging = true));
    // Plotly applies a zoom or pan on mouseup, which comes after pointerup.
    this.release = () => setTimeout(() => this.drop());
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, this.release);
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.host);
  }

  update(payload, tell) {
    this.tell = tell;
    this.host.style.height = `${payload.height}px`;
    this.host.dataset.liveChart = payload.key;
    const figure = this.whole(payload);
    if (!figure) return tell("lost", payload.base);
    // What a person does here comes before what the server heard of it.
    this.hidden ??= new Set(payload.hidden);
    this.waiting = { ...payload, figure };
    this.join(payload.link);
    this.clicks = payload.clicks;
    this.draw();
  }

  // The figure that a payload means: a whole one, or what is new since the base that is held here.
  whole({ base, frame, arrays, starts }) {
    const points = arrays.map((trace) =>
      Object.fromEntries(Object.entries(trace).map(([axis, values]) => [axis, decoded(values)])),
    );
    if (!starts) this.base = { id: base, frame, points };
    if (this.base?.id !== base) return null;
    const { data, layout } = frame ?? this.base.frame;
    const traces = data.map((trace, i) => ({ ...trace, ...this.grown(i, points[i], starts?.[i]) }));
    // Plotly writes into what it is given.
    return { data: traces, layout: structuredClone(layout) };
  }

  grown(i, tails, start) {
    if (start === undefined) return tails;
    const held = this.base.points[i];
    return Object.fromEntries(
      Object.entries(tails).map(([axis, tail]) => [axis, joined(held[axis].slice(0, start), tail)]),
    );
  }

  join(name) {
    const link = name ? linkOf(name) : null;
    if (link === this.link) return;
    this.link?.charts.delete(this);
    this.link = link;
    link?.charts.add(this);
  }

  others() {
    return [...(this.link?.charts ?? [])].filter((chart) => chart !== this && chart.latest);
  }

  // Plotly tells of a person's zoom and pointer; what this module does itself it does not tell.
  listen() {
    if (this.listening) return;
    this.listening = true;
    this.host.on("plotly_relayout", (change) => {
      const range = rangeOf("xaxis", change);
      this.zoom(range, rangeOf("yaxis", change));
      if (!this.link || range === undefined) return;
      this.link.range = range;
      this.tell("stretch", range);
      for (const chart of this.others()) chart.again();
    });
    this.host.on("plotly_restyle", ([change]) => {
      if (change.visible === undefined) return;
      const hidden = this.host.data.filter((trace) => trace.visible === "legendonly");
      this.hidden = new Set(hidden.map((trace) => trace.name));
      this.tell("hidden", [...this.hidden]);
    });
    this.host.on("plotly_click", ({ points }) => {
      if (this.clicks) this.tell("point", [points[0].x, points[0].y]);
    });
    this.host.on("plotly_hover", ({ points }) => {
      for (const chart of this.others()) chart.point(points[0].x);
    });
    this.host.on("plotly_unhover", () => {
      for (const chart of this.others()) globalThis.Plotly.Fx.unhover(chart.host, undefined, true);
    });
  }

  // Curves are known by name, since one may come to stand before others.
  shown(traces) {
    const known = new Set();
    return traces.map((trace) => {
      if (trace.name === undefined || known.has(trace.name)) return trace;
      known.add(trace.name);
      const visible = this.hidden.has(trace.name) ? "legendonly" : true;
      return { ...trace, uid: identifier(trace.name), visible };
    });
  }

  point(x) {
    if (this.drawing || !this.host._fullLayout?.xaxis) return;
    globalThis.Plotly.Fx.hover(this.host, { xval: x }, "xy", true);
  }

  again() {
    this.waiting ??= this.latest;
    this.draw();
  }

  zoom(x, y) {
    const { uirevision } = this.latest.figure.layout;
    if (this.ranges.uirevision !== uirevision) this.ranges = { uirevision };
    if (x !== undefined) this.ranges.x = x;
    if (y !== undefined) this.ranges.y = y;
  }

  // A range that is part of the layout outlives redrawing; one that Plotly was told of would not,
  // once a whole new figure comes.
  inStep(layout) {
    const own = this.ranges.uirevision === layout.uirevision ? this.ranges : {};
    const zoomed = { xaxis: this.link ? this.link.range : own.x, yaxis: own.y };
    for (const [axis, range] of Object.entries(zoomed)) {
      if (range) layout[axis] = { ...layout[axis], range, autorange: false };
    }
    return layout;
  }

  // One react at a time, always of the newest figure; none under a dragging hand (the axis would
  // slip away from it), none while hidden (Plotly would draw it 700 pixels wide).
  async draw() {
    if (!this.waiting || this.drawing || this.dragging || !this.host.clientWidth) return;
    const { figure, plotly } = this.waiting;
    this.latest = this.waiting;
    this.waiting = null;
    this.drawing = true;
    try {
      const library = await loadPlotly(plotly);
      if (this.host.isConnected) {
        const layout = this.inStep(themed(figure.layout, this.host));
        await library.react(this.host, this.shown(figure.data), layout, CONFIG);
        this.host.setAttribute("aria-label", labelOf(layout));
        this.listen();
      }
    } catch (error) {
      this.host.setAttribute("role", "alert");
      this.host.textContent = `This chart can't be drawn: ${error.message}`;
    } finally {
      this.drawing = false;
    }
    this.draw();
  }

  drop() {
    this.dragging = false;
    this.draw();
  }

  resize() {
    if (this.host.clientWidth && this.host._fullLayout && !this.drawing) {
      globalThis.Plotly.Plots.resize(this.host);
    }
    this.draw();
  }

  dispose() {
    if (this.host.isConnected) return;
    for (const end of ["pointerup", "pointercancel"]) removeEventListener(end, this.release);
    this.sizes.disconnect();
    this.join(null);
    globalThis.Plotly?.purge(this.host);
  }
}

export default function ({ payload, parentElement, setTriggerValue }) {
  if (!charts.has(parentElement)) charts.set(parentElement, new LiveChart(parentElement));
  const chart = charts.get(parentElement);
  chart.update(payload, setTriggerValue);
  // Streamlit may call this for an outdated refresh too; only a chart off the page is let go.
  return () => setTimeout(() => chart.dispose());
}
