// Codes of two bytes as images, and which cell of the grid a place of the map shows.

const STEPS = 65534;
const MISSING = 0xffb4b4b4;

// Colour words by code; 0, no value, stays transparent.
function lookup({ low, high }, scale, colours) {
  const words = new Uint32Array(STEPS + 2);
  const table = new Uint32Array(colours.buffer);
  const first = ((low - scale.low) / (scale.high - scale.low)) * 256;
  const step = ((high - low) / STEPS / (scale.high - scale.low)) * 256;
  for (let code = 1; code < words.length; code++) {
    words[code] = table[Math.min(Math.max(Math.floor(first + (code - 1) * step), 0), 255)];
  }
  return words;
}

function canvasOf(words, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const image = new ImageData(new Uint8ClampedArray(words.buffer), width, height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// One stretch of the map in pixels, with the values of all panels.
class Layer {
  constructor(head, blocks) {
    Object.assign(this, head);
    this.right = this.left + this.width * this.pixelWidth;
    this.bottom = this.top - this.height * this.pixelHeight;
    this.rowCells = blocks.get(head.rows);
    this.columnCells = blocks.get(head.columns);
    this.gridCells = blocks.get(head.cells);
    this.values = head.codes.map((name) => blocks.get(name));
  }

  // The image of a panel, and one of where it has no value (null if it has one everywhere).
  painted(panel, words) {
    const codes = this.values[panel];
    const colours = new Uint32Array(codes.length);
    let holes = 0;
    for (let i = 0; i < codes.length; i++) {
      colours[i] = words[codes[i]];
      if (codes[i] === 0) holes++;
    }
    const image = canvasOf(colours, this.width, this.height);
    return { image, missing: holes ? this.missing(codes) : null };
  }

  missing(codes) {
    const words = new Uint32Array(codes.length);
    let found = false;
    for (let i = 0; i < codes.length; i++) {
      if (codes[i] !== 0 || this.gridCells?.[i] < 0) continue;
      words[i] = MISSING;
      found = true;
    }
    return found ? canvasOf(words, this.width, this.height) : null;
  }

  holds({ left, right, bottom, top }, view) {
    const allowance = this.pixelWidth * 1e-3;
    const turn = view.wraps ? Math.floor((left - this.left + allowance) / TURN) * TURN : 0;
    const isAll = view.wraps && this.right - this.left >= TURN - allowance;
    return (
      (isAll || (left - turn >= this.left - allowance && right - turn <= this.right + allowance)) &&
      bottom >= this.bottom - allowance && top <= this.top + allowance
    );
  }

  // Index of the pixel at a place; -1 where the layer doesn't reach.
  pixel(x, y, wraps) {
    const offset = wraps ? modulo(x - this.left, TURN) : x - this.left;
    const i = Math.floor(offset / this.pixelWidth);
    const j = Math.floor((this.top - y) / this.pixelHeight);
    if (i < 0 || j < 0 || i >= this.width || j >= this.height) return -1;
    return j * this.width + i;
  }

  // Row and column on the grid of what a pixel shows; null beyond the map's rim.
  cell(pixel, numColumns) {
    if (!this.gridCells) {
      const j = Math.floor(pixel / this.width);
      return { row: this.rowCells[j], column: this.columnCells[pixel - j * this.width] };
    }
    const cell = this.gridCells[pixel];
    if (cell < 0) return null;
    return { row: Math.floor(cell / numColumns), column: cell % numColumns };
  }

  draw(context, image, view, ratio) {
    const across = this.pixelWidth * view.scale;
    const down = this.pixelHeight * view.stretch * view.scale;
    context.imageSmoothingEnabled = across * ratio < 1;
    const y = view.screenY(this.top);
    const [top, bottom] = shownPixels(y, down, this.height, view.height);
    for (const turn of view.turns(this.left, this.right)) {
      const x = view.screenX(this.left + turn * TURN);
      const [left, right] = shownPixels(x, across, this.width, view.width);
      if (right <= left || bottom <= top) continue;
      context.drawImage(
        image, left, top, right - left, bottom - top,
        x + left * across, y + top * down, (right - left) * across, (bottom - top) * down,
      );
    }
  }
}

function shownPixels(start, size, count, length) {
  const first = Math.max(0, Math.floor(-start / size));
  const last = Math.min(count, Math.ceil((length - start) / size));
  return [first, last];
}

// Points one after another, NaN between lines, as a path; y points down in it, and is stretched.
function pathOf(points, stretch) {
  const path = new Path2D();
  let isDown = false;
  for (let i = 0; i < points.length; i += 2) {
    const x = points[i];
    const y = points[i + 1];
    if (x !== x || y !== y) isDown = false;
    else if (isDown) path.lineTo(x, -y * stretch);
    else {
      path.moveTo(x, -y * stretch);
      isDown = true;
    }
  }
  return path;
}
