"use strict";
/* Fills the map of the report: the shift of the slider, the layers, a unit's route, and the reasons of a tapped cell. */
(async () => {
  const at = id => document.getElementById(id);
  const stage = at("map");
  const bytesOf = text => {
    const letters = atob(text), bytes = new Uint8Array(letters.length);  // a loop: Uint8Array.from with a function takes five times as long
    for (let n = 0; n < bytes.length; n++) bytes[n] = letters.charCodeAt(n);
    return bytes;
  };
  const unpacked = new Blob([bytesOf(at("map-data").textContent.trim())]).stream().pipeThrough(new DecompressionStream("gzip"));
  const data = JSON.parse(await new Response(unpacked).text());
  const KINDS = { "u1": Uint8Array, "<i2": Int16Array, "<i4": Int32Array, "<f4": Float32Array };
  const array = packed => new KINDS[packed.type](bytesOf(packed.bytes).buffer);
  const rings = one => {
    const ends = array(one.ends), x = array(one.x), y = array(one.y), xs = [], ys = [];
    let first = 0;
    for (const end of ends) { xs.push(x.slice(first, end)); ys.push(y.slice(first, end)); first = end; }
    return { xs, ys };
  };

  Bokeh.set_log_level("error");
  await Bokeh.embed.embed_item(JSON.parse(at("map-figure").textContent));
  const plot = Bokeh.documents[0].get_model_by_name("map");
  const layer = name => plot.renderers.find(one => one.name === name);
  const source = name => layer(name).data_source;
  const fill = (name, columns) => { source(name).data = columns; };

  const level = array(data.level), colour = array(data.colour), byKind = array(data.by_kind), most = array(data.most);
  const district = array(data.district), beat = array(data.beat), n = district.length;
  const districtName = Array.from(district, row => row < 0 ? "none" : data.districts[row]);
  const beatName = Array.from(beat, row => row < 0 ? "" : data.beats[row]);
  const cells = data.cells.ends ? rings(data.cells) : Object.fromEntries(Object.entries(data.cells).map(([key, value]) => [key, array(value)]));
  const middle = cell => data.cells.ends
    ? [mean(cells.xs[cell]), mean(cells.ys[cell])]
    : [(cells.left[cell] + cells.right[cell]) / 2, (cells.bottom[cell] + cells.top[cell]) / 2];
  const mean = values => { let sum = 0; for (const value of values) sum += value; return sum / values.length; };
  const v = data.visits, visit = { unit: array(v.unit), shift: array(v.shift), cell: array(v.cell), clock: array(v.clock), minutes: array(v.minutes), reason: array(v.reason) };

  for (const name of ["districts", "beats"]) fill(name, rings(data.borders[name]));
  fill("labels", { x: data.borders.districts.label_x, y: data.borders.districts.label_y, text: data.borders.districts.names });
  fill("outreach", { x: data.outreach.map(one => one.x), y: data.outreach.map(one => one.y), text: data.outreach.map(one => one.text) });

  const slider = at("map-shift"), unitField = at("map-unit"), told = at("map-reasons"), cellField = at("map-cell");
  const clock = minutes => `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
  const number = value => value === 0 ? "under " + data.steps[1].toPrecision(1) : String(Number(value.toPrecision(2)));
  const shownShift = () => Number(slider.value) - 1;
  const inShift = row => shownShift() < 0 || visit.shift[row] === shownShift();
  let chosen = -1;

  const CLASSES = JSON.parse(at("map-classes").textContent);
  const whenText = () => shownShift() < 0 ? "the whole plan" : data.shifts[shownShift()];
  const element = (tag, text) => { const made = document.createElement(tag); made.textContent = text; return made; };

  function showShift() {
    const now = Number(slider.value), offset = now * n;
    const harm = new Float32Array(n), counts = new Int32Array(n);
    for (let cell = 0; cell < n; cell++) harm[cell] = data.steps[level[offset + cell]];
    for (let row = 0; row < visit.cell.length; row++) if (inShift(row)) counts[visit.cell[row]]++;
    fill("cells", { ...cells, cell: Int32Array.from({ length: n }, (_, cell) => cell), district: districtName, beat: beatName, colour: Float32Array.from(colour.subarray(offset, offset + n)), harm, visits: counts });
    const places = [], sizes = [], numbers = [];
    const largest = counts.reduce((a, b) => Math.max(a, b), 1);
    for (let cell = 0; cell < n; cell++) if (counts[cell]) { places.push(middle(cell)); numbers.push(counts[cell]); sizes.push(5 + 7 * Math.sqrt(counts[cell] / largest)); }
    fill("visits", { x: places.map(p => p[0]), y: places.map(p => p[1]), size: sizes, visits: numbers });
    const total = numbers.reduce((a, b) => a + b, 0);
    slider.setAttribute("aria-valuetext", whenText());
    at("map-when").textContent = `${whenText()}: ${Number(data.total[now].toPrecision(3)).toLocaleString("en")} expected harm; ${total.toLocaleString("en")} visits at ${places.length.toLocaleString("en")} places`;
    stage.dataset.shift = String(now);
    listUnits();
    showUnit();
    tell();
  }

  function listUnits() {
    const before = unitField.value, on = new Set();
    for (let row = 0; row < visit.unit.length; row++) if (shownShift() >= 0 && inShift(row)) on.add(visit.unit[row]);
    const options = [element("option", shownShift() < 0 ? "choose a shift first" : "all units")];
    options[0].value = "";
    for (const unit of on) { const one = element("option", v.units[unit].slice(0, 60)); one.value = String(unit); options.push(one); }
    unitField.replaceChildren(...options);
    unitField.value = on.has(Number(before)) && before !== "" ? before : "";
    unitField.disabled = shownShift() < 0;
  }

  function showUnit() {
    const unit = unitField.value === "" ? -1 : Number(unitField.value), stops = new Map(), x = [], y = [], steps = [];
    for (let row = 0; row < visit.unit.length; row++) if (unit >= 0 && visit.unit[row] === unit && inShift(row)) {
      const place = middle(visit.cell[row]);
      const key = visit.cell[row];
      stops.set(key, [...(stops.get(key) || []), steps.length + 1]);
      x.push(place[0]); y.push(place[1]);
      steps.push(element("li", `${clock(visit.clock[row])}, ${visit.minutes[row]} min: cell ${visit.cell[row]}, beat ${beatName[visit.cell[row]] || "none"}`));
    }
    const places = [...stops.keys()].map(middle);
    fill("route", { x, y });
    fill("stops", { x: places.map(p => p[0]), y: places.map(p => p[1]), text: [...stops.values()].map(numbers => numbers.join(", ")), size: [...stops.values()].map(numbers => 14 + 6 * numbers.join(", ").length) });
    at("map-route").replaceChildren(...steps);
    for (const name of ["visits", "rings"]) layer(name).visible = at("map-visits").checked && unit < 0;
  }

  /* Shows the visits of the chosen unit, or the whole area; a metre is as long up as it is across. */
  function frame() {
    const { x, y } = source("route").data, whole = !x.length;
    const box = stage.getBoundingClientRect(), ratio = box.width / Math.max(box.height - 30, 1), room = whole ? 1.06 : 1.4;
    const [west, east, south, north] = whole ? data.bounds : [Math.min(...x), Math.max(...x), Math.min(...y), Math.max(...y)];
    const height = Math.max((north - south) * room, ((east - west) * room) / ratio, whole ? 10 : 800), width = height * ratio;
    const set = (range, centre, length) => {
      const ends = { start: centre - length / 2, end: centre + length / 2 };
      range.setv(whole ? { ...ends, reset_start: ends.start, reset_end: ends.end } : ends);
    };
    set(plot.x_range, (west + east) / 2, width);
    set(plot.y_range, (south + north) / 2, height);
  }

  function tell() {
    fill("chosen", chosen < 0 ? { x: [], y: [] } : { x: [middle(chosen)[0]], y: [middle(chosen)[1]] });
    if (chosen < 0) return;
    const now = Number(slider.value) * n + chosen, lines = [];
    const kinds = data.kinds.map((kind, row) => `${kind.toLowerCase()} ${number(data.steps[byKind[row * n + chosen]])}`).join(", ");
    lines.push(element("h3", `Cell ${chosen}: district ${districtName[chosen]}${beatName[chosen] ? `, beat ${beatName[chosen]}` : ""}`));
    lines.push(element("p", `In ${whenText()}: expected harm ${number(data.steps[level[now]])}; its colour: ${CLASSES[colour[now]]}. Expected events in the whole plan: ${kinds}.`));
    const caps = data.shifts.map((_, shift) => most[shift * n + chosen]).filter((_, shift) => shownShift() < 0 || shift === shownShift());
    const [least, largest] = [Math.min(...caps), Math.max(...caps)];
    if (least < data.most_blocks) lines.push(element("p", `Policy allows at most ${least === largest ? least : `${least} to ${largest}`} visits a shift here.`));
    const list = document.createElement("ul");
    let last = "", count = 0;
    for (let row = 0; row < visit.cell.length; row++) if (visit.cell[row] === chosen && inShift(row)) {
      count++;
      if (count > 40) continue;
      const item = element("li", `${data.shifts[visit.shift[row]]}, ${clock(visit.clock[row])}: ${v.units[visit.unit[row]]}, ${visit.minutes[row]} minutes`);
      const why = v.reasons[visit.reason[row]];
      if (why !== last) item.append(element("div", `Why: ${why}`));
      last = why;
      list.append(item);
    }
    lines.push(element("p", count ? `${count} ${count === 1 ? "visit" : "visits"} here${count > 40 ? ", the first 40" : ""}:` : "No visit is planned here in this time: other cells are expected to have more harm per visit, or limits leave none."), list);
    told.replaceChildren(...lines);
    cellField.value = String(chosen);
  }

  source("cells").selected.properties.indices.change.connect(() => {
    const picked = source("cells").selected.indices;
    if (picked.length) { chosen = picked[0]; tell(); }
  });
  slider.max = String(data.shifts.length);
  slider.addEventListener("input", showShift);
  at("map-before").addEventListener("click", () => { slider.stepDown(); showShift(); });
  at("map-next").addEventListener("click", () => { slider.stepUp(); showShift(); });
  unitField.addEventListener("change", () => { showUnit(); frame(); });
  at("map-find").addEventListener("submit", event => {
    event.preventDefault();
    const cell = Number(cellField.value);
    if (cellField.value !== "" && Number.isInteger(cell) && cell >= 0 && cell < n) { chosen = cell; tell(); }
    else told.replaceChildren(element("p", `There is no cell ${cellField.value}: the cells are 0 to ${(n - 1).toLocaleString("en")}.`));
  });
  const LAYERS = { "map-risk": ["cells"], "map-districts": ["districts", "labels"], "map-beats": ["beats"], "map-visits": ["visits", "rings", "path", "route", "stops", "numbers"], "map-outreach": ["outreach"] };
  const setLayers = () => {
    for (const [box, names] of Object.entries(LAYERS)) for (const name of names) {
      if (name === "cells") layer(name).glyph.fill_alpha = layer(name).glyph.line_alpha = at(box).checked ? 1 : 0;
      else layer(name).visible = at(box).checked;
    }
    showUnit();
  };
  for (const box of Object.keys(LAYERS)) at(box).addEventListener("change", setLayers);

  function scaleBar() {
    const width = stage.getBoundingClientRect().width || 1, span = plot.x_range.end - plot.x_range.start;
    if (!(span > 0)) return;
    const wanted = span / 5, power = 10 ** Math.floor(Math.log10(wanted));
    const length = [5, 2, 1].map(step => step * power).find(step => step <= wanted) || power;
    at("map-scale-bar").style.width = `${(length / span) * width}px`;
    at("map-scale").textContent = length >= 1000 ? `${length / 1000} km` : `${length} m`;
  }
  for (const range of [plot.x_range, plot.y_range]) range.change.connect(scaleBar);
  /* Keeps the middle and the scale when the window, or the bars of a phone's browser, change the size of the map. */
  let size = stage.getBoundingClientRect();
  new ResizeObserver(() => {
    const now = stage.getBoundingClientRect();
    if (!(now.width > 0 && size.width > 0)) return;
    for (const [range, by] of [[plot.x_range, now.width / size.width], [plot.y_range, Math.max(now.height - 30, 1) / Math.max(size.height - 30, 1)]]) {
      const centre = (range.start + range.end) / 2, half = ((range.end - range.start) / 2) * by;
      range.setv({ start: centre - half, end: centre + half });
    }
    size = now;
    scaleBar();
  }).observe(stage);
  frame();
  showShift();
  setLayers();
  setTimeout(scaleBar, 300);
  document.documentElement.dataset.ready = "yes";
})().catch(error => {
  /* An old browser, or a page cut short: the picture of the map takes its place. */
  document.documentElement.dataset.ready = "failed";
  document.getElementById("map-failed").textContent = `This browser cannot draw the map (${error.message}); here is its picture.`;
});
