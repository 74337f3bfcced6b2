// The tables of cells and links, and the tail of events.

import { is, look, number, worse } from "./model.js";
import { html, say, wear } from "./svg.js";

/** Table shows things by name, one a row, whose first column selects it. */
export class Table {
  constructor(table, kind, select, columns, numbers) {
    this.body = table.tBodies[0];
    this.kind = kind;
    this.select = select;
    this.columns = columns;
    this.numbers = numbers;
    this.rows = new Map();
  }

  show(list, selected) {
    const names = new Set(list.map((t) => t.name));
    for (const [name, row] of this.rows) {
      if (!names.has(name)) {
        row.remove();
        this.rows.delete(name);
      }
    }
    let before = this.body.firstChild;
    for (const thing of list) {
      let row = this.rows.get(thing.name);
      if (!row) {
        row = this.make(thing.name);
        this.rows.set(thing.name, row);
      }
      if (row !== before) this.body.insertBefore(row, before);
      else before = row.nextSibling;
      const chosen = selected && selected.kind === this.kind && selected.name === thing.name;
      wear(row, "class", `${thing.look}${chosen ? " selected" : ""}`);
      wear(row.cells[0].firstChild, "aria-pressed", String(Boolean(chosen)));
      this.columns(thing).forEach((text, i) => say(row.cells[i + 1], text));
    }
  }

  make(name) {
    const button = html("button", { type: "button", class: "name", onclick: () => this.select(this.kind, name) }, name);
    return html("tr", {}, html("th", { scope: "row" }, button), ...this.numbers.map((n) => html("td", { class: n && "n" })));
  }
}

export function linkTable(table, select) {
  const t = new Table(table, "link", select,
    (l) => [l.ends.join(" ↔ "), l.cut ? "cut" : l.state, number(l.rate), sum(l.ab.sent, l.ba.sent), sum(l.ab.arrived, l.ba.arrived), worse(l)],
    [false, false, true, true, true, false]);
  return (model, selected) => t.show([...model.links.values()].map((l) => ({ ...l, look: look(l) })), selected);
}

export function cellTable(table, select) {
  const all = (c, key) => c.ports.reduce((s, p) => s + p[key], 0);
  const dropped = (c) => c.ports.reduce((s, p) => s + (p.drops || []).reduce((t, d) => t + d.count, 0), 0);
  const t = new Table(table, "cell", select,
    (c) => [c.protocol, c.look === "none" ? "not there" : c.look, number(all(c, "tx_frames")), number(all(c, "rx_frames")), number(c.retransmitted), number(dropped(c))],
    [false, false, true, true, true, true]);
  return (model, selected) => t.show(model.status.cells.map((c) => ({ ...c, name: c.id, look: is(c) })), selected);
}

function sum(a, b) {
  return a === null && b === null ? "–" : number((a || 0) + (b || 0));
}

/** events shows the newest events first. */
export function eventList(list) {
  let shown = "";
  return (model) => {
    const key = `${model.boot} ${model.events.length} ${model.events[0] ? model.events[0].number : 0}`;
    if (key === shown) return;
    shown = key;
    list.replaceChildren(...model.events.map((e) => html("li", { class: e.kind },
      html("time", { datetime: e.time }, new Date(e.time).toLocaleTimeString([], { hour12: false })),
      " ", html("b", {}, e.kind), " ", [e.link || e.cell, e.text].filter(Boolean).join(" "))));
  };
}
