// Wind over a panel, as arrows or as streamlines, thinned to what the zoom leaves room for.

const ARROW_SPACING = 26;
const ARROW_LENGTH = 22;
const LINE_SPACING = 18;
const LINE_STEP = 3;
const LINE_STEPS = 40;

class WindLayer {
  constructor(head, blocks) {
    Object.assign(this, head);
    this.values = blocks.get(head.wind);
  }

  at(x, y, wraps) {
    const offset = wraps ? modulo(x - this.left, TURN) : x - this.left;
    const i = Math.floor(offset / this.pixelWidth);
    const j = Math.floor((this.top - y) / this.pixelHeight);
    if (i < 0 || j < 0 || i >= this.width || j >= this.height) return null;
    const at = 2 * (j * this.width + i);
    const [right, up] = [this.values[at], this.values[at + 1]];
    return right !== right || up !== up ? null : [right, up];
  }

  draw(context, view, style) {
    const path = style === "arrows" ? this.arrows(view) : this.streamlines(view);
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = "rgba(255,255,255,0.75)";
    context.lineWidth = 2.6;
    context.stroke(path);
    context.strokeStyle = "rgba(15,15,15,0.9)";
    context.lineWidth = 1.1;
    context.stroke(path);
  }

  arrows(view) {
    const path = new Path2D();
    // Arrows stand at multiples of a power of two, so that they stay where they are in a pan.
    const step = 2 ** Math.ceil(Math.log2(ARROW_SPACING / view.scale));
    const rise = step / view.stretch;
    const seen = view.seen();
    for (let y = Math.floor(seen.bottom / rise) * rise; y <= seen.top; y += rise) {
      for (let x = Math.floor(seen.left / step) * step; x <= seen.right; x += step) {
        const wind = this.at(x, y, view.wraps);
        if (!wind) continue;
        const [px, py] = [view.screenX(x), view.screenY(y)];
        addArrow(path, px, py, wind, this.fastest);
      }
    }
    return path;
  }

  // From seeds on a lattice both ways along the wind, until another line is near.
  streamlines(view) {
    const path = new Path2D();
    const columns = Math.ceil(view.width / LINE_SPACING);
    const taken = new Uint8Array(columns * Math.ceil(view.height / LINE_SPACING));
    const place = (px, py) =>
      Math.floor(py / LINE_SPACING) * columns + Math.floor(px / LINE_SPACING);
    for (let seed = 0; seed < taken.length; seed++) {
      if (taken[seed]) continue;
      const px = ((seed % columns) + 0.5) * LINE_SPACING;
      const py = (Math.floor(seed / columns) + 0.5) * LINE_SPACING;
      const ahead = this.trace(view, px, py, 1, taken, place, seed);
      const behind = this.trace(view, px, py, -1, taken, place, seed);
      const line = [...behind.reverse(), [px, py], ...ahead];
      for (const [x, y] of line) taken[place(x, y)] = 1;
      if (line.length < 6) continue;
      line.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
      const middle = Math.floor(line.length / 2);
      const [x, y] = line[middle];
      addHead(path, x, y, x - line[middle - 1][0], y - line[middle - 1][1], 4);
    }
    return path;
  }

  trace(view, px, py, way, taken, place, seed) {
    const points = [];
    for (let n = 0; n < LINE_STEPS; n++) {
      const wind = this.at(view.mapX(px), view.mapY(py), view.wraps);
      const speed = wind ? Math.hypot(...wind) : 0;
      if (!speed) break;
      px += (way * LINE_STEP * wind[0]) / speed;
      py -= (way * LINE_STEP * wind[1]) / speed;
      if (px < 0 || py < 0 || px >= view.width || py >= view.height) break;
      const at = place(px, py);
      if (taken[at] && at !== seed) break;
      points.push([px, py]);
    }
    return points;
  }
}

function addArrow(path, px, py, [right, up], fastest) {
  const speed = Math.hypot(right, up);
  if (!speed || !fastest) return;
  // The root, so that light winds beside a storm still show where they blow.
  const length = ARROW_LENGTH * Math.sqrt(speed / fastest);
  const [dx, dy] = [(right / speed) * length, (-up / speed) * length];
  path.moveTo(px - dx / 2, py - dy / 2);
  path.lineTo(px + dx / 2, py + dy / 2);
  addHead(path, px + dx / 2, py + dy / 2, dx, dy, Math.min(6, length / 2));
}

function addHead(path, x, y, dx, dy, size) {
  const turn = Math.atan2(dy, dx);
  for (const side of [-1, 1]) {
    path.moveTo(x, y);
    const back = turn + Math.PI + side * 0.5;
    path.lineTo(x + size * Math.cos(back), y + size * Math.sin(back));
  }
}
