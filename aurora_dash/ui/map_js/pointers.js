// Mouse, fingers and keys over the maps.

const STILL = 4;
const WHEEL = 0.0016;
const STEP = 60;

class Pointers {
  constructor(maps) {
    this.maps = maps;
    this.down = new Map();
    this.start = null;
    this.rubber = element("div", "rubber");
    maps.area.addEventListener("keydown", (event) => this.key(event));
  }

  listen({ frame }) {
    const on = (name, action) =>
      frame.addEventListener(name, (event) => action.call(this, event, frame), { passive: false });
    on("wheel", this.wheel);
    on("pointerdown", this.press);
    on("pointermove", this.move);
    on("pointerup", this.release);
    on("pointercancel", this.cancel);
    on("pointerleave", () => this.down.size || this.maps.point(null));
    on("dblclick", () => this.maps.reset());
  }

  at(event, frame) {
    const { left, top } = frame.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  wheel(event, frame) {
    const { view } = this.maps;
    const factor = Math.exp(-event.deltaY * (event.deltaMode ? 18 : 1) * WHEEL);
    // The page scrolls on where the maps can't be made smaller.
    if (factor < 1 && view.zoom <= 1) return;
    event.preventDefault();
    this.maps.zoom(factor, ...this.at(event, frame));
  }

  press(event, frame) {
    if (event.button) return;
    // A finger may scroll the page over maps that have nowhere to move.
    frame.style.touchAction = this.maps.view.zoom > 1 || this.maps.boxing ? "none" : "pan-y";
    frame.setPointerCapture(event.pointerId);
    const at = this.at(event, frame);
    this.down.set(event.pointerId, at);
    const isBox = event.shiftKey || this.maps.boxing;
    this.start = { at, isBox, isStill: true, isPinch: this.down.size > 1 };
    if (isBox) frame.append(this.rubber);
    if (isBox) this.stretch(at, at);
  }

  move(event, frame) {
    const at = this.at(event, frame);
    const before = this.down.get(event.pointerId);
    const { view } = this.maps;
    if (!before) {
      return this.maps.point({ x: view.mapX(at[0]), y: view.mapY(at[1]) });
    }
    if (this.down.size > 1) return this.pinch(event.pointerId, at);
    const { start } = this;
    if (Math.hypot(at[0] - start.at[0], at[1] - start.at[1]) > STILL) start.isStill = false;
    if (start.isStill) return;
    if (start.isBox) this.stretch(start.at, at);
    else this.maps.pan(at[0] - before[0], at[1] - before[1]);
    this.down.set(event.pointerId, at);
  }

  pinch(id, at) {
    const others = [...this.down].filter(([other]) => other !== id);
    const other = others[0][1];
    const before = this.down.get(id);
    const distance = ([x, y]) => Math.hypot(x - other[0], y - other[1]) || 1;
    const middle = [(at[0] + other[0]) / 2, (at[1] + other[1]) / 2];
    this.maps.zoom(distance(at) / distance(before), ...middle);
    this.maps.pan((at[0] - before[0]) / 2, (at[1] - before[1]) / 2);
    this.down.set(id, at);
    this.start.isStill = false;
  }

  release(event, frame) {
    const at = this.at(event, frame);
    const { start } = this;
    if (!this.down.delete(event.pointerId) || !start || this.down.size) return;
    this.cancel();
    if (start.isBox) this.chooseBox(start, at);
    else if (start.isStill && !start.isPinch) this.choosePoint(at);
  }

  cancel() {
    this.down.clear();
    this.start = null;
    this.rubber.remove();
  }

  choosePoint([px, py]) {
    const { view, tell } = this.maps;
    const found = cellUnder(this.maps, { x: view.mapX(px), y: view.mapY(py) });
    if (found) tell("point", [found.latitude, modulo(found.longitude + 180, TURN) - 180]);
  }

  chooseBox({ at: [fromX, fromY], isStill }, [toX, toY]) {
    const { view, tell } = this.maps;
    this.maps.drawBox(false);
    if (isStill) return;
    const low = (value, least) => Math.max(value, least);
    const [left, right] = [fromX, toX].sort((a, b) => a - b).map((px) => view.mapX(px));
    const [top, bottom] = [fromY, toY].sort((a, b) => a - b).map((py) => view.mapY(py));
    tell("box", [
      view.wraps ? left : low(left, view.left),
      view.wraps ? right : Math.min(right, view.right),
      low(bottom, view.bottom),
      Math.min(top, view.top),
    ]);
  }

  stretch([fromX, fromY], [toX, toY]) {
    Object.assign(this.rubber.style, {
      left: `${Math.min(fromX, toX)}px`, top: `${Math.min(fromY, toY)}px`,
      width: `${Math.abs(toX - fromX)}px`, height: `${Math.abs(toY - fromY)}px`,
    });
  }

  key(event) {
    if (event.target !== this.maps.area || event.ctrlKey || event.metaKey || event.altKey) return;
    const { maps } = this;
    const { view } = maps;
    const actions = {
      ArrowLeft: () => maps.pan(STEP, 0),
      ArrowRight: () => maps.pan(-STEP, 0),
      ArrowUp: () => maps.pan(0, STEP),
      ArrowDown: () => maps.pan(0, -STEP),
      "+": () => maps.zoom(1.6),
      "=": () => maps.zoom(1.6),
      "-": () => maps.zoom(1 / 1.6),
      0: () => maps.reset(),
      Enter: () => this.choosePoint([view.width / 2, view.height / 2]),
      Escape: () => this.escape(),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    // The page has keys of its own.
    event.stopPropagation();
    actions[event.key]();
    // Who steers by keys reads the middle.
    if (event.key !== "Escape") maps.point({ x: view.x, y: view.y });
  }

  escape() {
    const { maps } = this;
    const isBusy = this.start || maps.boxing;
    this.cancel();
    maps.drawBox(false);
    maps.point(null);
    if (isBusy) return;
    const { marks } = maps.head;
    if (marks.point) maps.tell("point", null);
    if (marks.box) maps.tell("box", null);
  }
}

// Between the two maps of a swipe.
function dividerOf(maps) {
  const divider = element("div", "divider");
  divider.tabIndex = 0;
  divider.setAttribute("role", "slider");
  divider.setAttribute("aria-label", "Divider between the two maps");
  divider.setAttribute("aria-valuemin", "0");
  divider.setAttribute("aria-valuemax", "100");
  const put = (part) => {
    maps.divided = Math.min(Math.max(part, 0), 1);
    divider.setAttribute("aria-valuenow", String(Math.round(100 * maps.divided)));
    maps.redraw();
  };
  put(maps.divided);
  divider.addEventListener("pointerdown", (event) => {
    event.stopPropagation();
    divider.setPointerCapture(event.pointerId);
  });
  divider.addEventListener("pointermove", (event) => {
    event.stopPropagation();
    if (!divider.hasPointerCapture(event.pointerId)) return;
    const { left, width } = divider.parentElement.getBoundingClientRect();
    put((event.clientX - left) / width);
  });
  divider.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -0.05, ArrowRight: 0.05 }[event.key];
    if (step) put(maps.divided + step);
  });
  return divider;
}
