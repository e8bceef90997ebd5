// Colour bars: one for each scale of colours, under the maps.

const MOST_TICKS = 8;

// Round numbers within the scale.
function ticksOf(low, high) {
  const rough = (high - low) / (MOST_TICKS - 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const ticks = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n++) {
    ticks.push(Number((n * step).toPrecision(12)));
  }
  return ticks;
}

function numberText(value, digits = 6) {
  if (value === 0) return "0";
  const text = String(Number(value.toPrecision(digits)));
  return text.replace("-", "−").replace("e+", "e");
}

function barOf({ low, high }, colours, unit, titles) {
  const bar = element("div", "bar");
  bar.append(element("span", "bar-title", titles.join(", ")));
  const strip = element("canvas", "strip");
  [strip.width, strip.height] = [256, 1];
  const image = new ImageData(new Uint8ClampedArray(colours), 256, 1);
  strip.getContext("2d").putImageData(image, 0, 0);
  const numbers = element("div", "numbers");
  for (const tick of ticksOf(low, high)) {
    const number = element("span", "number", numberText(tick));
    number.style.left = `${(100 * (tick - low)) / (high - low)}%`;
    numbers.append(number);
  }
  bar.setAttribute("role", "img");
  const ends = `${numberText(low)} to ${numberText(high)} ${unit}`;
  bar.setAttribute("aria-label", `Colours of ${titles.join(", ")}: ${ends}`);
  bar.append(strip, numbers, element("span", "unit", unit));
  return bar;
}

function drawBars(parent, head, blocks) {
  parent.replaceChildren();
  head.scales.forEach((scale, index) => {
    const mine = head.panels.filter((panel) => panel.scale === index);
    if (!mine.length) return;
    const titles = mine.map((panel) => panel.title);
    parent.append(barOf(scale, blocks.get(scale.colours), head.unit, titles));
  });
}
