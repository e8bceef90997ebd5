// Which part of the map all panels show. Map coordinates: x to the right, y upwards.

const MOST_ZOOM = 4000;
const TURN = 360;

// By the key of the maps, so that a zoom outlives the element.
const views = (globalThis.auroraDashMapViews ??= new Map());

function viewOf(key, head) {
  const old = views.get(key);
  const view = old?.place === head.place ? old : new View();
  view.over(head);
  views.set(key, view);
  return view;
}

class View {
  over({ place, extent, stretch, wraps }) {
    const isNew = this.place !== place;
    this.place = place;
    [this.left, this.right, this.bottom, this.top] = extent;
    this.stretch = stretch;
    this.wraps = wraps;
    if (isNew) this.reset();
  }

  reset() {
    this.x = (this.left + this.right) / 2;
    this.y = (this.bottom + this.top) / 2;
    this.zoom = 1;
  }

  get shape() {
    return (this.stretch * (this.top - this.bottom)) / (this.right - this.left);
  }

  sized(width, height) {
    this.width = width;
    this.height = height;
    this.clamp();
  }

  // Pixels of the page per unit of x.
  get scale() {
    const across = this.width / (this.right - this.left);
    const up = this.height / (this.stretch * (this.top - this.bottom));
    return Math.min(across, up) * this.zoom;
  }

  screenX(x) {
    return this.width / 2 + (x - this.x) * this.scale;
  }

  screenY(y) {
    return this.height / 2 - (y - this.y) * this.stretch * this.scale;
  }

  mapX(px) {
    return this.x + (px - this.width / 2) / this.scale;
  }

  mapY(py) {
    return this.y - (py - this.height / 2) / (this.stretch * this.scale);
  }

  seen() {
    return {
      left: this.mapX(0), right: this.mapX(this.width),
      bottom: this.mapY(this.height), top: this.mapY(0),
    };
  }

  // What lies under the pixel stays under it.
  zoomBy(factor, px = this.width / 2, py = this.height / 2) {
    const x = this.mapX(px);
    const y = this.mapY(py);
    this.zoom = Math.min(Math.max(this.zoom * factor, 1), MOST_ZOOM);
    this.x += x - this.mapX(px);
    this.y += y - this.mapY(py);
    this.clamp();
  }

  panBy(dx, dy) {
    this.x -= dx / this.scale;
    this.y += dy / (this.stretch * this.scale);
    this.clamp();
  }

  clamp() {
    const across = this.width / this.scale / 2;
    const up = this.height / (this.stretch * this.scale) / 2;
    if (this.wraps) this.x = this.left + modulo(this.x - this.left, TURN);
    else this.x = within(this.x, this.left + across, this.right - across);
    this.y = within(this.y, this.bottom + up, this.top - up);
  }

  // Turns round the globe by which something from `left` to `right` is in view.
  turns(left, right) {
    if (!this.wraps) return [0];
    const seen = this.seen();
    const first = Math.ceil((seen.left - right) / TURN);
    const last = Math.floor((seen.right - left) / TURN);
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
  }
}

function modulo(value, length) {
  return ((value % length) + length) % length;
}

function within(value, low, high) {
  return low > high ? (low + high) / 2 : Math.min(Math.max(value, low), high);
}
