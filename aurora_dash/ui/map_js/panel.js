// One map: its title, its reading, and the canvas that shows it.

const LINES = [
  ["graticule", "rgba(60,60,60,0.35)", 0.6],
  ["boundaries", "rgba(40,40,40,0.55)", 0.7],
  // Seen on dark colours, too.
  ["coastline", "rgba(255,255,255,0.5)", 2.4],
  ["coastline", "rgba(20,20,20,0.9)", 1],
];
const DEGREES = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60];
const LABEL_SPACING = 70;

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = `aurora-map-${className}`;
  made.textContent = text;
  return made;
}

class Panel {
  constructor() {
    this.figure = element("figure", "panel");
    this.title = element("span", "title");
    this.reading = element("output", "reading");
    const caption = element("figcaption", "caption");
    caption.append(this.title, this.reading);
    this.frame = element("div", "frame");
    this.canvas = element("canvas", "canvas");
    this.cross = element("i", "cross");
    this.frame.append(this.canvas, this.cross);
    this.figure.append(caption, this.frame);
    this.hatchings = element("canvas", "hatchings");
  }

  sized(width, height, ratio) {
    this.frame.style.height = `${height}px`;
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    for (const canvas of [this.canvas, this.hatchings]) {
      // Even the size that it has would wipe it until it is drawn again.
      if (canvas.width === across && canvas.height === down) continue;
      canvas.width = across;
      canvas.height = down;
    }
    this.ratio = ratio;
  }

  // `sides` are what is drawn from left to right: panels with their layers, and where each ends.
  draw(scene, view, sides) {
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.save();
    this.clip(context, scene, view);
    let from = 0;
    for (const { images, wind, until } of sides) {
      context.save();
      context.beginPath();
      context.rect(from, 0, until - from, view.height);
      context.clip();
      for (const painted of images) this.drawField(context, painted, view);
      this.drawLines(context, scene, view);
      if (wind) wind.draw(context, view, scene.windStyle);
      context.restore();
      from = until;
    }
    if (scene.plain) this.drawDegrees(context, view);
    this.drawMarks(context, scene, view);
    context.restore();
    if (scene.rim) this.strokeIn(context, view, scene.rim, "rgba(60,60,60,0.8)", 1);
  }

  // Cells at the poles and at the rim reach beyond what there is of the earth.
  clip(context, scene, view) {
    const edges = new Path2D();
    if (scene.rim) edges.addPath(scene.rim, matrixOf(view));
    else {
      const left = view.wraps ? 0 : view.screenX(view.left);
      const right = view.wraps ? view.width : view.screenX(view.right);
      const [top, bottom] = [view.screenY(view.top), view.screenY(view.bottom)];
      edges.rect(left, top, right - left, bottom - top);
    }
    context.clip(edges);
  }

  drawField(context, { layer, image, missing }, view) {
    if (missing) this.drawMissing(context, layer, missing, view);
    layer.draw(context, image, view, this.ratio);
  }

  // Grey with stripes of the screen's own size where there is no value.
  drawMissing(context, layer, missing, view) {
    const hatching = this.hatchings.getContext("2d");
    hatching.setTransform(1, 0, 0, 1, 0, 0);
    hatching.globalCompositeOperation = "source-over";
    hatching.clearRect(0, 0, this.hatchings.width, this.hatchings.height);
    hatching.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    layer.draw(hatching, missing, view, this.ratio);
    hatching.globalCompositeOperation = "source-atop";
    hatching.strokeStyle = "rgba(60,60,60,0.55)";
    hatching.lineWidth = 1;
    hatching.beginPath();
    for (let x = -view.height; x < view.width; x += 7) {
      hatching.moveTo(x, view.height);
      hatching.lineTo(x + view.height, 0);
    }
    hatching.stroke();
    context.drawImage(this.hatchings, 0, 0, view.width, view.height);
  }

  drawLines(context, scene, view) {
    for (const [kind, colour, width] of LINES) {
      const path = scene.paths[kind];
      if (path) this.strokeIn(context, view, path, colour, width);
    }
  }

  // Lines know their own extent no better than that they may reach all round the globe.
  strokeIn(context, view, path, colour, width, turns = view.turns(view.left, view.right)) {
    context.save();
    context.strokeStyle = colour;
    context.lineWidth = width / view.scale;
    context.lineJoin = "round";
    for (const turn of turns) {
      context.save();
      context.transform(...placing(view, turn));
      context.stroke(path);
      context.restore();
    }
    context.restore();
  }

  drawDegrees(context, view) {
    const step = DEGREES.find((each) => each * view.scale >= LABEL_SPACING) ?? 90;
    const rise = DEGREES.find((each) => each * view.scale * view.stretch >= 40) ?? 90;
    const seen = view.seen();
    context.font = "10px sans-serif";
    context.lineJoin = "round";
    context.textBaseline = "bottom";
    context.textAlign = "center";
    for (let x = Math.ceil(seen.left / step) * step; x <= seen.right; x += step) {
      const at = view.screenX(x);
      if (at < 22 || at > view.width - 22) continue;
      this.label(context, longitudeText(x, decimalsOf(step)), at, view.height - 3);
    }
    context.textBaseline = "middle";
    context.textAlign = "left";
    for (let y = Math.ceil(seen.bottom / rise) * rise; y <= seen.top; y += rise) {
      const at = view.screenY(y);
      if (at < 10 || at > view.height - 22) continue;
      this.label(context, latitudeText(y, decimalsOf(rise)), 4, at);
    }
  }

  label(context, text, x, y) {
    context.strokeStyle = "rgba(255,255,255,0.8)";
    context.lineWidth = 3;
    context.strokeText(text, x, y);
    context.fillStyle = "#17212b";
    context.fillText(text, x, y);
  }

  drawMarks(context, scene, view) {
    // Marks may be told in another turn round the globe than the one that is in view.
    const turns = scene.plain ? [-1, 0, 1] : [0];
    if (scene.box) {
      this.strokeIn(context, view, scene.box, "#ffffff", 4, turns);
      this.strokeIn(context, view, scene.box, "#d55e00", 2, turns);
    }
    if (!scene.point) return;
    const [x, y] = scene.point;
    for (const turn of turns) {
      context.beginPath();
      context.arc(view.screenX(x + turn * TURN), view.screenY(y), 5, 0, 2 * Math.PI);
      context.lineWidth = 4;
      context.strokeStyle = "#ffffff";
      context.stroke();
      context.lineWidth = 2;
      context.strokeStyle = "#d55e00";
      context.stroke();
    }
  }

  point(px, py) {
    this.cross.style.transform = `translate(${px}px, ${py}px)`;
    this.cross.style.display = "block";
  }

  unpoint() {
    this.cross.style.display = "none";
    this.reading.textContent = "";
  }
}

function placing(view, turn) {
  const { scale } = view;
  return [scale, 0, 0, scale, view.screenX(turn * TURN), view.screenY(0)];
}

function matrixOf(view) {
  return new DOMMatrix(placing(view, 0));
}

function decimalsOf(step) {
  return step >= 1 ? 0 : step >= 0.1 ? 1 : 2;
}

function latitudeText(latitude, decimals = 2) {
  if (Math.abs(latitude) < 1e-9 && decimals < 2) return "0°";
  const side = latitude < 0 ? "S" : "N";
  return `${Math.abs(latitude).toFixed(decimals)}° ${side}`;
}

function longitudeText(longitude, decimals = 2) {
  const turned = modulo(longitude + 180, TURN) - 180;
  if (Math.abs(turned) < 1e-9 && decimals < 2) return "0°";
  const side = turned < 0 ? "W" : "E";
  return `${Math.abs(turned).toFixed(decimals)}° ${side}`;
}
