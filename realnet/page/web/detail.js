// What is known of one cell or one link, and what can be done to a link.

import { fault, state } from "./api.js";
import { is, number, span, value, worse } from "./model.js";
import { html, say, svg } from "./svg.js";

export class Detail {
  constructor(place) {
    this.place = place;
    this.shown = null;
    this.hint = [...place.children];
  }

  /** show shows what is selected; null for nothing. */
  show(model, selected) {
    const thing = selected && (selected.kind === "link" ? model.links : model.cells).get(selected.name);
    const key = thing ? `${selected.kind} ${selected.name} ${(thing.ends || []).join(" ")} ${Boolean(thing.stream)}` : "";
    if (key !== this.shown) {
      this.shown = key;
      if (!thing) this.place.replaceChildren(...this.hint);
      else if (selected.kind === "link") this.buildLink(thing);
      else this.buildCell(thing);
    }
    if (!thing) return;
    if (selected.kind === "link") this.showLink(thing, model);
    else this.showCell(thing);
  }

  buildLink(link) {
    const p = (this.parts = {
      state: html("p", { class: "state" }), harm: html("p", { class: "worse" }), rows: html("tbody"),
      past: svg("polyline"), top: html("span", { class: "top" }), wires: html("dl"),
      answer: html("p", { class: "answer", role: "status" }),
    });
    const [a, b] = link.ends;
    this.place.replaceChildren(
      html("h2", {}, `Link ${link.name}`), html("p", { class: "ends" }, `${a} ↔ ${b}`), p.state, p.harm,
      html("figure", { class: "past" }, svg("svg", { viewBox: "0 0 60 20", preserveAspectRatio: "none", role: "img", "aria-label": "Frames a second, of the last minute" }, p.past), html("figcaption", {}, "frames/s ", p.top)),
      html("table", {}, html("thead", {}, html("tr", {}, ...["", "sent", "arrived", "frames/s", "kB/s"].map((t) => html("th", { class: t && "n" }, t)))), p.rows),
      this.form(link), p.answer, p.wires);
  }

  form(link) {
    const { name, ends: [a, b], stream } = link;
    const way = html("select", { name: "way" },
      html("option", { value: "" }, "both ways"), html("option", { value: "ab" }, `${a} → ${b}`), html("option", { value: "ba" }, `${b} → ${a}`));
    const field = (key, label, hint) => html("label", {}, label, html("input", { name: key, placeholder: hint, autocomplete: "off", spellcheck: "false", maxlength: "60" }));
    const fields = [field("delay", "delay", "20ms")];
    if (!stream) fields.unshift(field("loss", "loss", "10%"));
    if (!stream) fields.push(field("ber", "bit errors", "1e-5"));
    const keys = stream ? ["delay"] : ["loss", "delay", "ber"];
    const form = html("form", { class: "act", "aria-label": `What link ${name} does` },
      html("div", { class: "buttons" },
        html("button", { type: "button", class: "cut", id: "cut", onclick: () => this.act(name, way.value, { op: "cut" }, "cut") }, "Cut"),
        html("button", { type: "button", class: "heal", id: "heal", onclick: () => this.act(name, way.value, { op: "heal" }, "healed") }, "Heal"), way),
      html("div", { class: "fields" }, ...fields),
      html("div", { class: "buttons" }, html("button", { type: "submit", id: "inject" }, "Inject"),
        html("button", { type: "button", class: "quiet", id: "clear", onclick: () => this.act(name, way.value, { op: "clear" }, "as it was when it was added") }, "Clear")));
    form.addEventListener("submit", (e) => {
      e.preventDefault();
      const said = keys.map((k) => [k, form.elements[k].value.trim()]).filter(([, v]) => v !== "");
      if (said.length === 0) {
        this.tell("say how much: of loss, delay or bit errors", true);
        return;
      }
      this.act(name, way.value, { op: "inject", params: Object.fromEntries(said) }, "injected");
    });
    return form;
  }

  // act does a fault to a link, both ways or one way.
  async act(name, direction, what, done) {
    this.tell("…", false);
    const shown = this.shown;
    try {
      await fault(name, direction ? { ...what, direction } : what);
      if (shown === this.shown) this.tell(`${name} ${direction ? "one way " : ""}${done}`, false);
    } catch (e) {
      if (shown === this.shown) this.tell(e.message, true);
    }
  }

  tell(text, bad) {
    const { answer } = this.parts;
    say(answer, text);
    answer.classList.toggle("bad", bad);
  }

  showLink(link, model) {
    const p = this.parts;
    say(p.state, link.cut ? `cut${link.state === "connected" ? ", the sockets are connected" : ", and " + link.state}` : link.state);
    p.state.className = `state ${link.cut ? "cut" : link.state}`;
    say(p.harm, worse(link));
    const [a, b] = link.ends;
    const row = (to, d) => [`to ${to}${value(d.params, "cut") ? " ✕" : ""}`, number(d.sent), number(d.arrived), number(d.sentRate), d.byteRate === null ? "–" : number(d.byteRate / 1000)];
    rows(p.rows, [row(b, link.ab), row(a, link.ba)]);
    const past = model.past.get(link.name) || [];
    const top = Math.max(1, ...past);
    p.past.setAttribute("points", past.map((v, i) => `${60 - past.length + i},${(19 - (18 * v) / top).toFixed(2)}`).join(" "));
    say(p.top, past.length ? `${number(past.at(-1))} now, ${number(Math.max(...past))} at most in a minute` : "");
    pairs(p.wires, [...this.wire(a, link.a), ...this.wire(b, link.b)]);
  }

  // wire says what is behind one end of a link.
  wire(end, port) {
    if (!port) return [[end, "nothing known"]];
    const dropped = (port.drops || []).map((d) => `${d.reason} ${number(d.count)}`).join(", ");
    const lines = [];
    const w = port.wire;
    if (w) {
      lines.push([end, [w.kind, w.role, w.status, w.problem].filter(Boolean).join(", ")]);
      if (w.trips > 0) lines.push(["round trips", `${span(w.trips_ns / w.trips)} on average, ${span(w.trip_max_ns)} at most, ${number(w.trips)} so far`]);
      if (w.dropped + w.bad > 0) lines.push(["by the system", `${number(w.dropped)} dropped, ${number(w.bad)} refused`]);
    } else {
      lines.push([end, port.state]);
    }
    if (dropped) lines.push(["dropped", dropped]);
    return lines;
  }

  buildCell(cell) {
    this.parts = { state: html("p", { class: "state" }), facts: html("dl"), ports: html("tbody"), attributes: html("dl") };
    this.place.replaceChildren(
      html("h2", {}, `Cell ${cell.id}`), this.parts.state, this.parts.facts,
      html("table", {}, html("thead", {}, html("tr", {}, ...["port", "link", "state", "sent", "received"].map((t, i) => html("th", { class: i > 2 && "n" }, t)))), this.parts.ports),
      html("h3", {}, "What the protocol shows"), this.parts.attributes);
  }

  showCell(cell) {
    const p = this.parts;
    const now = is(cell);
    say(p.state, now === "none" ? "not there" : now);
    p.state.className = `state ${now}`;
    const facts = [["protocol", cell.protocol], ["started anew", `${cell.incarnation} times`]];
    if (cell.where) facts.push([cell.adopted ? "adopted" : "process", cell.where]);
    if (cell.problem) facts.push(["problem", cell.problem]);
    if (cell.retransmitted !== undefined) facts.push(["sent again", number(cell.retransmitted)]);
    pairs(p.facts, facts);
    rows(p.ports, cell.ports.map((q) => [q.name === "*" ? "connections" : q.name, q.link || "–", q.wire ? q.wire.status : q.state, number(q.tx_frames), number(q.rx_frames)]), 3);
    this.ask(cell.id);
  }

  // ask shows what the cell's protocol shows, one question at a time.
  async ask(id) {
    const p = this.parts;
    if (p.asking) return;
    p.asking = true;
    try {
      pairs(p.attributes, (await state(id)).map((a) => [a.name, a.value]));
    } catch {
      // The server is gone, which is said elsewhere.
    }
    p.asking = false;
  }
}

/** rows makes the rows of a table's body what they are to be; numbers are right. */
export function rows(body, list, numbersFrom = 1) {
  while (body.rows.length > list.length) body.lastChild.remove();
  list.forEach((cells, i) => {
    const row = body.rows[i] || body.appendChild(html("tr", {}, ...cells.map((_, k) => html(k === 0 ? "th" : "td", { class: k >= numbersFrom && "n" }))));
    cells.forEach((text, k) => say(row.cells[k], text));
  });
}

function pairs(list, all) {
  const flat = all.flat();
  if (list.children.length !== flat.length) list.replaceChildren(...all.flatMap(() => [html("dt"), html("dd")]));
  flat.forEach((text, i) => say(list.children[i], text));
}
