// All maps of one figure: linked, kept through Streamlit's reruns, drawn at most once a frame.

const PAUSE = 150;
const MOST_COLUMNS = 1440;
const LEAST_WIDTH = 300;
const GAP = 16;
const MOST_HEIGHT = 560;
const MARGIN = 0.1;
// Of plate carrée in degrees, and of other maps in parts of the whole.
const CLOSE_DEGREES = 88;
const CLOSE_PART = 0.45;

const canvases = new WeakMap();

class Maps {
  constructor(parent) {
    this.host = element("div", "host");
    this.host.classList.add("aurora-map");
    this.speed = 2;
    this.frame = null;
    this.boxing = false;
    this.divided = 0.5;
    this.windStyle = "arrows";
    this.panels = [];
    this.painted = new Map();
    this.controls = new Controls(this);
    this.heading = element("div", "words");
    this.area = element("div", "panels");
    this.area.tabIndex = 0;
    this.area.setAttribute("role", "application");
    this.bars = element("div", "bars");
    this.notes = element("div", "notes");
    this.host.append(this.heading, this.controls.bar, this.area, this.bars, this.notes);
    parent.append(this.host);
    this.divider = dividerOf(this);
    this.pointers = new Pointers(this);
    this.sizes = new ResizeObserver(() => this.layOut());
    this.sizes.observe(this.host);
  }

  update(data, tell) {
    this.tell = tell;
    if (data === this.data) return;
    this.data = data;
    const { head, blocks, isWhole } = received(data);
    if (!isWhole) return tell("lost", Date.now());
    const before = this.head;
    this.head = head;
    this.blocks = blocks;
    this.host.dataset.mapCanvas = head.key;
    this.view = viewOf(head.key, head);
    if (!this.isPlaying && (!before || isOther(before, head))) this.frame = null;
    if (this.frame !== null && this.frame >= head.frames.length) this.play(false, true);
    this.whole = new Layer(head.whole, blocks);
    this.part = head.part && new Layer(head.part, blocks);
    this.paths = new Map();
    this.asked = head.part ? this.asked : null;
    this.write();
    this.layOut();
  }

  write() {
    const { head } = this;
    const heading = element("span", "heading", head.title);
    this.heading.replaceChildren(heading, element("span", "subtitle", this.stage().subtitle));
    if (head.badge) this.heading.append(element("span", "badge", head.badge));
    drawBars(this.bars, { ...head, ...this.stage() }, this.blocks);
    this.notes.replaceChildren();
    if (head.missing) {
      this.notes.append(element("span", "swatch"), "no value. ");
    }
    this.notes.append(head.notes.filter(Boolean).join(" "));
    const titles = head.panels.map((panel) => panel.title).join(", ");
    this.area.setAttribute(
      "aria-label",
      `Maps of ${head.title}: ${titles}. Arrow keys move, plus and minus zoom, 0 shows all, ` +
        "Enter chooses the middle, Escape takes the choice away.",
    );
    this.controls.update(this);
  }

  // What is shown: the fields of the page, or a frame over them.
  stage() {
    return this.frame === null ? this.head : this.head.frames[this.frame];
  }

  frameShown() {
    return this.head.frames.findIndex((frame) => frame.subtitle === this.head.subtitle);
  }

  // Swiping, the first map shows the second one as well.
  shownPanels() {
    const all = this.head.panels.map((_, index) => index);
    return this.head.swipe ? all.filter((index) => index !== 1) : all;
  }

  layOut() {
    const width = this.host.clientWidth;
    if (!width || !this.head) return;
    const shown = this.shownPanels();
    while (this.panels.length < shown.length) this.addPanel();
    while (this.panels.length > shown.length) this.panels.pop().figure.remove();
    const columns = columnsFor(width, shown.length, this.view.shape);
    this.area.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    const each = (width - GAP * (columns - 1)) / columns;
    const most = Math.min(this.head.height ?? MOST_HEIGHT, 0.8 * innerHeight);
    const height = Math.round(Math.min(each * this.view.shape, Math.max(most, 180)));
    this.view.sized(each, height);
    for (const [place, panel] of this.panels.entries()) {
      panel.sized(each, height, devicePixelRatio || 1);
      panel.title.textContent = this.titleOf(shown[place]);
    }
    if (this.head.swipe) this.panels[0].frame.append(this.divider);
    else this.divider.remove();
    this.changed();
  }

  titleOf(index) {
    const { panels, swipe } = this.head;
    return swipe && index === 0 ? `${panels[0].title} | ${panels[1].title}` : panels[index].title;
  }

  addPanel() {
    const panel = new Panel();
    this.panels.push(panel);
    this.area.append(panel.figure);
    this.pointers.listen(panel);
  }

  // The view, or what is seen in it, is another: draw, and ask for detail when it comes to rest.
  changed() {
    this.redraw();
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.ask(), PAUSE);
  }

  redraw() {
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null;
      if (this.host.isConnected && this.head) this.draw();
    });
  }

  draw() {
    const scene = this.scene();
    const shown = this.shownPanels();
    this.divider.style.left = `${100 * this.divided}%`;
    for (const [place, panel] of this.panels.entries()) {
      const { width } = this.view;
      const sides = [{ ...this.side(shown[place]), until: width }];
      if (this.head.swipe && place === 0) {
        sides[0].until = this.divided * width;
        sides.push({ ...this.side(1), until: width });
      }
      panel.draw(scene, this.view, sides);
    }
    for (const name of this.painted.keys()) {
      if (!this.used.has(name)) this.painted.delete(name);
    }
    this.used = new Set();
    this.host.dataset.shown = nameOf(this.stage(), this.stage().whole);
    this.host.dataset.part = this.detail() ? nameOf(this.stage(), this.part) : "";
    if (this.cursor) this.read();
  }

  // The closer look, if it is one at what is shown.
  detail() {
    const inPart = this.part && this.frame === null && this.part.holds(this.view.seen(), this.view);
    return inPart ? this.part : null;
  }

  layers() {
    if (this.frame !== null) return [this.frameLayer()];
    if (this.detail()) return [this.part];
    return this.part ? [this.whole, this.part] : [this.whole];
  }

  frameLayer() {
    const { whole } = this.head.frames[this.frame];
    if (this.played?.head !== whole) this.played = { head: whole, layer: new Layer(whole, this.blocks) };
    return this.played.layer;
  }

  scene() {
    const { head } = this;
    const lines = (this.detail() ?? this.whole).lines;
    const paths = {};
    for (const [kind, name] of Object.entries(lines)) paths[kind] = this.path(name);
    const rim = this.blocks.get(head.rim);
    return {
      plain: head.plain,
      paths,
      rim: rim.length ? this.path(head.rim) : null,
      box: head.marks.box && this.path(head.marks.box),
      point: head.marks.point,
      windStyle: this.windStyle,
    };
  }

  path(name) {
    if (!this.paths.has(name)) {
      this.paths.set(name, pathOf(this.blocks.get(name), this.view.stretch));
    }
    return this.paths.get(name);
  }

  side(index) {
    const images = this.layers().map((layer) => ({ layer, ...this.paint(layer, index) }));
    const head = (this.detail() ?? this.whole).winds[index];
    const isShown = head && this.frame === null && this.windStyle !== "none";
    return { images, wind: isShown ? new WindLayer(head, this.blocks) : null };
  }

  paint(layer, index) {
    const panel = this.stage().panels[index];
    const scale = this.stage().scales[panel.scale];
    const name = [layer.codes[index], layer.cells, panel.low, panel.high, ...Object.values(scale)].join();
    if (!this.painted.has(name)) {
      const words = lookup(panel, scale, this.blocks.get(scale.colours));
      this.painted.set(name, layer.painted(index, words));
    }
    (this.used ??= new Set()).add(name);
    return this.painted.get(name);
  }

  // What all panels show under the cursor: one place, and each panel's value there.
  read() {
    const found = cellUnder(this, this.cursor);
    this.controls.place.textContent = found ? placeText(found) : "";
    const shown = this.shownPanels();
    for (const [place, panel] of this.panels.entries()) {
      panel.point(this.view.screenX(this.cursor.x), this.view.screenY(this.cursor.y));
      const { divided, view, head } = this;
      const isRight = view.screenX(this.cursor.x) > divided * view.width;
      const index = head.swipe && place === 0 && isRight ? 1 : shown[place];
      panel.reading.textContent = found ? this.valueText(found, index) : "";
    }
  }

  valueText({ layer, pixel }, index) {
    const code = layer.values[index][pixel];
    if (code === 0) return "no value";
    const { low, high } = this.stage().panels[index];
    const unit = this.head.unit === "–" ? "" : ` ${this.head.unit}`;
    return `${numberText(low + ((code - 1) * (high - low)) / STEPS)}${unit}`;
  }

  // `cursor` is a place of the map, which all panels point at; null for none.
  point(cursor) {
    this.cursor = cursor;
    if (cursor) return this.read();
    this.controls.place.textContent = "";
    for (const panel of this.panels) panel.unpoint();
  }

  zoom(factor, px, py) {
    this.view.zoomBy(factor, px, py);
    this.changed();
  }

  pan(dx, dy) {
    this.view.panBy(dx, dy);
    this.changed();
  }

  reset() {
    this.view.reset();
    this.changed();
  }

  drawBox(isOn) {
    this.boxing = isOn;
    this.controls.update(this);
  }

  styleWind(style) {
    this.windStyle = style;
    this.redraw();
  }

  // Ask for the part in view at the grid's own resolution, unless what is here is as good.
  ask() {
    if (!this.head || !this.view.width || this.frame !== null) return;
    const seen = this.view.seen();
    const across = seen.right - seen.left;
    const pixels = Math.min(MOST_COLUMNS, Math.ceil(this.view.width * (devicePixelRatio || 1)));
    const isCoarse = this.finestPixel(across, pixels) < 0.9 * this.whole.pixelWidth;
    const close = this.head.plain ? CLOSE_DEGREES : CLOSE_PART * (this.view.right - this.view.left);
    if (!isCoarse && across > close) {
      if (this.asked) this.tellSeen(null);
      return;
    }
    const detail = this.detail();
    const isEnough = detail && this.finestPixel(across, pixels) > 0.7 * detail.pixelWidth;
    if (isEnough && !(this.head.plain && isWide(this.asked, close) && across <= close)) return;
    this.tellSeen(partRound(seen, this.view, pixels));
  }

  // Width of a pixel of the part that would come: whole cells, where the map has them.
  finestPixel(across, pixels) {
    const { cell, plain } = this.head;
    const each = across / pixels;
    return plain ? cell * Math.max(1, Math.ceil(each / cell)) : Math.max(each, cell);
  }

  tellSeen(part) {
    if (JSON.stringify(part) === JSON.stringify(this.asked)) return;
    this.asked = part;
    this.tell("seen", part && { place: this.head.place, ...part });
  }

  play(isOn, isQuiet = false) {
    clearTimeout(this.playing);
    this.playing = null;
    this.isPlaying = isOn;
    if (isOn) this.advance();
    else if (!isQuiet) this.settleFrame();
    else this.frame = null;
    this.controls.update(this);
  }

  advance() {
    const { length } = this.head.frames;
    const next = this.frame === null ? Math.max(0, this.frameShown()) : (this.frame + 1) % length;
    this.show(next);
    this.playing = setTimeout(() => this.advance(), 1000 / this.speed);
  }

  show(frame) {
    this.frame = frame;
    this.heading.querySelector(".aurora-map-subtitle").textContent = this.stage().subtitle;
    drawBars(this.bars, { ...this.head, ...this.stage() }, this.blocks);
    this.controls.update(this);
    this.redraw();
  }

  // The page may show in full what the animation came to rest at.
  settleFrame() {
    if (!this.isPlaying && this.frame !== null) this.tell("frame", this.frame);
  }

  dispose() {
    if (this.host.isConnected) return;
    this.play(false, true);
    clearTimeout(this.pause);
    this.sizes.disconnect();
  }
}

// Differs between whatever looks different.
function nameOf({ panels }, layer) {
  const values = panels.map(({ low, high }, index) => [layer.codes[index], low, high].join("/"));
  return [layer.left, layer.top, ...values].join(" ");
}

function isOther(before, head) {
  return before.place !== head.place || nameOf(before, before.whole) !== nameOf(head, head.whole);
}

function isWide(part, close) {
  return part && part.extent[1] - part.extent[0] > close;
}

// Somewhat more than is in view, for small moves.
function partRound({ left, right, bottom, top }, view, pixels) {
  const [x, y] = [MARGIN * (right - left), MARGIN * (top - bottom)];
  const extent = [left - x, right + x, bottom - y, top + y];
  if (!view.wraps) {
    extent[0] = Math.max(extent[0], view.left);
    extent[1] = Math.min(extent[1], view.right);
  }
  extent[2] = Math.max(extent[2], view.bottom);
  extent[3] = Math.min(extent[3], view.top);
  const columns = (pixels * (extent[1] - extent[0])) / (right - left);
  return { extent, columns: Math.min(MOST_COLUMNS, Math.ceil(columns)) };
}

function columnsFor(width, count, shape) {
  const least = shape >= 0.7 ? LEAST_WIDTH * 0.75 : LEAST_WIDTH;
  const fitting = Math.max(1, Math.min(count, Math.floor((width + GAP) / (least + GAP))));
  // Four maps look better as two rows of two than as three and one.
  return Math.ceil(count / Math.ceil(count / fitting));
}

function cellUnder(maps, { x, y }) {
  for (const layer of maps.layers().reverse()) {
    const pixel = layer.pixel(x, y, maps.view.wraps);
    const columns = maps.blocks.get(maps.head.longitudes);
    const cell = pixel < 0 ? null : layer.cell(pixel, columns.length);
    if (!cell || y > maps.view.top || y < maps.view.bottom) continue;
    const latitude = maps.blocks.get(maps.head.latitudes)[cell.row];
    return { layer, pixel, latitude, longitude: columns[cell.column] };
  }
  return null;
}

function placeText({ latitude, longitude }) {
  return `${latitudeText(latitude)}, ${longitudeText(longitude)}`;
}

export default function ({ data, parentElement, setTriggerValue }) {
  if (!canvases.has(parentElement)) canvases.set(parentElement, new Maps(parentElement));
  const maps = canvases.get(parentElement);
  maps.update(data, setTriggerValue);
  // Streamlit may call this for an outdated refresh too; only maps off the page are let go.
  return () => setTimeout(() => maps.dispose());
}
