// The drawing: cells as discs, links as lines, what flows as text beside them.
// It is made anew when cells or links come or go, and else only changed.

import { labels, names } from "./labels.js";
import { layout } from "./layout.js";
import { is, look, number, worse } from "./model.js";
import { say, svg, wear } from "./svg.js";

const unit = 150; // of the sheet, for one hop
const labelled = 40; // links, above which only the selected one has its label

export class Drawing {
  /** @param {SVGElement} sheet @param {(kind: string, name: string) => void} select */
  constructor(sheet, select) {
    this.sheet = sheet;
    this.select = select;
    this.key = null;
    this.sizes = null;
    this.items = []; // all that can be selected: {kind, name, x, y, element}
    this.cells = new Map();
    this.links = new Map();
    this.at = null; // which item has the keyboard
    sheet.addEventListener("keydown", (e) => this.keyed(e));
    new ResizeObserver(() => this.fit()).observe(sheet);
  }

  show(model, selected) {
    const { cells, links } = model.status;
    const key = JSON.stringify([cells.map((c) => c.id), links.map((l) => [l.name, l.ends])]);
    if (key !== this.key) {
      this.key = key;
      this.sizes = null;
      this.build(cells, links);
    }
    for (const c of cells) this.showCell(this.cells.get(c.id), c, selected);
    for (const l of model.links.values()) this.showLink(this.links.get(l.name), l, selected);
    // Labels move when they get longer or shorter, not when a digit changes.
    const sizes = links.map((l) => worse(model.links.get(l.name)).length).join(" ");
    if (sizes !== this.sizes) {
      this.sizes = sizes;
      this.fit();
    }
  }

  build(cells, links) {
    const focused = this.at !== null && this.sheet.contains(document.activeElement) ? this.items[this.at] : null;
    const ends = links.map((l) => l.ends.map((e) => e.split(":")[0]));
    const plan = layout(cells.map((c) => c.id), ends);
    this.width = plan.width * unit;
    this.height = plan.height * unit;
    this.cells.clear();
    this.links.clear();
    this.items = [];
    const lines = svg("g", {}), discs = svg("g", {});
    const beside = new Map();
    links.forEach((l, i) => {
      const [a, b] = ends[i].map((id) => plan.at.get(id));
      if (!a || !b) return;
      const pair = [...ends[i]].sort().join("\n");
      const nth = beside.get(pair) || 0;
      beside.set(pair, nth + 1);
      lines.append(this.line(l, scale(a), scale(b), nth, ends[i][0] < ends[i][1] ? 1 : -1));
    });
    for (const c of cells) discs.append(this.disc(c, scale(plan.at.get(c.id))));
    this.sheet.replaceChildren(lines, discs);
    wear(this.sheet, "class", links.length > labelled ? "dense crowded" : "crowded");
    this.loops = ends.some(([a, b]) => a === b);
    this.room = nearestPair([...plan.at.values()].map(scale));
    this.fit();
    this.at = null;
    const back = focused && this.items.findIndex((i) => i.kind === focused.kind && i.name === focused.name);
    this.rove(back !== null && back >= 0 ? back : 0, back !== null && back >= 0);
  }

  // line makes the nth line between the same two cells: the first is straight,
  // those that follow are bowed to one side and the other, whichever way they go.
  line(link, a, b, nth, sign) {
    const mx = (a.x + b.x) / 2, my = (a.y + b.y) / 2;
    const far = Math.hypot(b.x - a.x, b.y - a.y);
    let d, x = mx, y = my;
    if (far < 1) {
      const r = 50 + 14 * nth; // both ends at one cell
      d = `M${a.x} ${a.y} C${a.x - r} ${a.y - 2 * r} ${a.x + r} ${a.y - 2 * r} ${a.x} ${a.y}`;
      y = a.y - 1.5 * r;
    } else {
      const bow = (sign * Math.ceil(nth / 2) * 70 * (nth % 2 === 0 ? 1 : -1)) / far;
      const cx = mx - (b.y - a.y) * bow, cy = my + (b.x - a.x) * bow;
      d = `M${a.x} ${a.y} Q${cx} ${cy} ${b.x} ${b.y}`;
      x = (mx + cx) / 2;
      y = (my + cy) / 2;
    }
    const parts = {
      wire: svg("path", { class: "wire", d }), there: svg("path", { class: "flow", d }), back: svg("path", { class: "flow back", d }),
      rate: svg("tspan"), worse: svg("tspan", { class: "worse", dy: "1.2em" }),
    };
    const label = svg("text", { class: "label" }, parts.rate, parts.worse);
    const element = svg("g", { role: "button", tabindex: "-1" },
      svg("path", { class: "hit", d }), parts.wire, parts.there, parts.back,
      svg("text", { class: "mark", x, y, dy: "0.35em", "aria-hidden": "true" }, "✕"), label);
    const level = far < 1; // at one cell
    this.links.set(link.name, { element, label, text: link.name, x, y, nx: level ? 0 : -(b.y - a.y) / far, ny: level ? -1 : (b.x - a.x) / far, ...parts });
    this.item("link", link.name, x, y, element);
    return element;
  }

  disc(cell, { x, y }) {
    const parts = {
      name: svg("text", { class: "name", x, y }, cell.id), title: svg("title"),
      sign: svg("text", { class: "sign", x, y, "aria-hidden": "true" }),
    };
    const element = svg("g", { role: "button", tabindex: "-1" },
      parts.title, svg("circle", { class: "halo", cx: x, cy: y }), svg("circle", { class: "disc", cx: x, cy: y }), parts.sign, parts.name);
    this.cells.set(cell.id, { element, x, y, text: cell.id, links: cell.ports.length, ...parts });
    this.item("cell", cell.id, x, y, element);
    return element;
  }

  item(kind, name, x, y, element) {
    const at = this.items.length;
    this.items.push({ kind, name, x, y, element });
    element.addEventListener("click", () => {
      this.rove(at, true);
      this.select(kind, name);
    });
  }

  showCell(view, cell, selected) {
    const state = is(cell);
    const chosen = selected && selected.kind === "cell" && selected.name === cell.id;
    wear(view.element, "class", `cell ${state}${chosen ? " selected" : ""}${view.tight ? " tight" : ""}`);
    say(view.sign, { crashed: "✕", paused: "‖", none: "?", elsewhere: "↗" }[state] || "");
    wear(view.element, "aria-label", `cell ${cell.id}, ${cell.protocol}, ${state === "none" ? "not there" : state}`);
    say(view.title, `${cell.id}: ${cell.protocol}, ${state === "none" ? "not there" : state}`);
  }

  showLink(view, link, selected) {
    if (!view) return;
    const chosen = selected && selected.kind === "link" && selected.name === link.name;
    const rate = link.rate === null ? "" : ` · ${number(link.rate)}/s`;
    const harm = worse(link);
    wear(view.element, "class", `link ${look(link)}${chosen ? " selected" : ""}${link.rate > 0 ? " busy" : ""}${view.tight ? " tight" : ""}`);
    wear(view.element, "aria-label", `link ${link.name}, ${link.ends.join(" to ")}, ${link.cut ? "cut" : link.state}${rate}${harm ? ", " + harm : ""}`);
    say(view.rate, link.name + rate);
    say(view.worse, shortened(harm, 30));
    view.wire.style.setProperty("--wide", String(1.6 + Math.min(2.4, 0.6 * Math.log10(1 + (link.rate || 0)))));
    flow(view.there, link.ab.sentRate);
    flow(view.back, link.ba.sentRate);
  }

  // fit chooses the window onto the sheet, and sizes of text and discs so that
  // they stay readable however big the sheet is.
  fit() {
    const { width, height } = this.sheet.getBoundingClientRect();
    if (width === 0 || height === 0 || this.width === undefined) return;
    const edge = this.loops ? 130 : 70;
    const w = Math.max(this.width + 2 * edge, 440), h = Math.max(this.height + 2 * edge, 260);
    wear(this.sheet, "viewBox", `${(this.width - w) / 2} ${(this.height - h) / 2} ${w} ${h}`);
    const pixel = Math.max(w / width, h / height); // units of the sheet
    const text = Math.min(13 * pixel, 44), disc = Math.max(4 * pixel, Math.min(15 * pixel, 0.42 * this.room));
    this.sheet.style.setProperty("--text", `${text}px`);
    this.sheet.style.setProperty("--disc", `${disc}px`);
    this.sheet.style.setProperty("--pixel", `${pixel}px`);
    this.place(text, disc);
  }

  // place finds room for names and labels.
  place(text, disc) {
    const cells = [...this.cells.values()], links = [...this.links.values()];
    const taken = names(cells, text, disc);
    for (const l of links) {
      l.letters = Math.max(l.text.length + 9, l.worse.textContent.length); // with a rate
      l.lines = l.worse.textContent === "" ? 1 : 2;
    }
    labels(links, taken, text, disc, { x: this.width / 2, y: this.height / 2 });
    for (const c of [...cells, ...links]) c.element.classList.toggle("tight", c.tight);
    for (const l of links) {
      wear(l.label, "class", "label " + l.place.anchor);
      for (const line of [l.rate, l.worse]) wear(line, "x", l.place.x.toFixed(1));
      wear(l.label, "y", l.place.y.toFixed(1));
    }
  }

  // rove gives the keyboard's place in the drawing to one item.
  rove(at, focus) {
    if (this.at !== null && this.items[this.at]) this.items[this.at].element.setAttribute("tabindex", "-1");
    this.at = this.items[at] ? at : null;
    if (this.at === null) return;
    this.items[at].element.setAttribute("tabindex", "0");
    if (focus) this.items[at].element.focus();
  }

  keyed(e) {
    const here = this.at === null ? null : this.items[this.at];
    if (!here || e.ctrlKey || e.altKey || e.metaKey) return;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    if (way) {
      const next = nearest(this.items, here, way);
      if (next >= 0) this.rove(next, true);
    } else if (e.key === "Home" || e.key === "End") {
      this.rove(e.key === "Home" ? 0 : this.items.length - 1, true);
    } else if (e.key === "Enter" || e.key === " ") {
      this.select(here.kind, here.name);
    } else {
      return;
    }
    e.preventDefault();
  }
}

// shortened leaves parameters out that do not fit.
function shortened(text, most) {
  if (text.length <= most) return text;
  const end = text.lastIndexOf(",", most);
  return (end > 0 ? text.slice(0, end) : text.slice(0, most)) + " …";
}

function scale(p) {
  return { x: p.x * unit, y: p.y * unit };
}

// nearestPair is how near the nearest two of some places are.
function nearestPair(places) {
  let least = unit;
  places.forEach((p, i) => {
    for (let j = 0; j < i; j++) least = Math.min(least, Math.hypot(p.x - places[j].x, p.y - places[j].y));
  });
  return least;
}

function flow(path, rate) {
  path.classList.toggle("on", rate > 0);
  if (rate > 0) path.style.setProperty("--lap", `${Math.max(0.5, 2.5 - 0.6 * Math.log10(1 + rate)).toFixed(2)}s`);
}

// nearest finds the item that lies best in a direction, -1 if none lies there.
function nearest(items, here, [wx, wy]) {
  let best = -1, least = Infinity;
  items.forEach((i, k) => {
    const dx = i.x - here.x, dy = i.y - here.y;
    const along = dx * wx + dy * wy, across = Math.abs(dx * wy) + Math.abs(dy * wx);
    if (i === here || along <= 0 || across > 2 * along) return;
    if (along + 2 * across < least) {
      least = along + 2 * across;
      best = k;
    }
  });
  return best;
}
