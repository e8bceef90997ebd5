// The buttons over the maps.

const SPEEDS = [1, 2, 4, 8];
const WIND_STYLES = { arrows: "Arrows", streamlines: "Streamlines", none: "No wind" };

function button(text, label, action) {
  const made = element("button", "button", text);
  made.type = "button";
  made.title = label;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", action);
  return made;
}

function chooser(label, choices, action) {
  const made = element("select", "chooser");
  made.setAttribute("aria-label", label);
  for (const [value, text] of choices) {
    const option = document.createElement("option");
    option.value = value;
    option.textContent = text;
    made.append(option);
  }
  made.addEventListener("change", () => action(made.value));
  return made;
}

class Controls {
  constructor(maps) {
    this.bar = element("div", "controls");
    this.bar.setAttribute("role", "toolbar");
    this.bar.setAttribute("aria-label", "Map tools");
    this.box = button("⬚", "Draw a box (or drag with Shift)", () => maps.drawBox(!maps.boxing));
    this.place = element("output", "place");
    this.place.setAttribute("aria-live", "polite");
    this.wind = chooser("Wind", Object.entries(WIND_STYLES), (style) => maps.styleWind(style));
    this.animation = element("span", "animation");
    this.play = button("▶", "Play", () => maps.play(!maps.isPlaying));
    this.slider = element("input", "slider");
    this.slider.type = "range";
    this.slider.setAttribute("aria-label", "Frame");
    this.slider.addEventListener("input", () => maps.show(Number(this.slider.value)));
    this.slider.addEventListener("change", () => maps.settleFrame());
    const speeds = SPEEDS.map((speed) => [speed, `${speed} a second`]);
    this.speed = chooser("Speed", speeds, (speed) => (maps.speed = Number(speed)));
    this.speed.value = String(maps.speed);
    this.label = element("span", "frame-label");
    this.animation.append(this.play, this.slider, this.speed, this.label);
    this.bar.append(
      button("+", "Zoom in", () => maps.zoom(1.6)),
      button("−", "Zoom out", () => maps.zoom(1 / 1.6)),
      button("⤢", "Show all", () => maps.reset()),
      this.box, this.wind, this.animation, this.place,
    );
  }

  update(maps) {
    const { head, frame } = maps;
    this.wind.hidden = !head.whole.winds.some(Boolean);
    this.animation.hidden = head.frames.length < 2;
    this.slider.max = String(head.frames.length - 1);
    this.slider.value = String(frame ?? Math.max(0, maps.frameShown()));
    this.label.textContent = frame === null ? "" : head.frames[frame].subtitle;
    this.play.textContent = maps.isPlaying ? "⏸" : "▶";
    for (const name of ["title", "aria-label"]) {
      this.play.setAttribute(name, maps.isPlaying ? "Pause" : "Play");
    }
    this.box.setAttribute("aria-pressed", String(maps.boxing));
  }
}
