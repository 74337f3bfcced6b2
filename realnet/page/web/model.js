// What the page knows: the newest status, rates between it and the one before,
// the last minute of each link, and the last events.

const kept = 60; // samples of a link's rate
const eventsKept = 300;

export class Model {
  constructor() {
    this.clear();
  }

  clear() {
    this.status = { cells: [], links: [], version: "0" };
    this.links = new Map();
    this.cells = new Map();
    this.events = [];
    this.past = new Map(); // by link: frames a second, oldest first
    this.before = null;
  }

  // take makes a status the newest.
  take(status) {
    const last = this.before;
    const time = Date.parse(status.time);
    const seconds = last && time > last.time ? (time - last.time) / 1000 : 0;
    const counts = new Map();
    this.status = status;
    this.cells = new Map(status.cells.map((c) => [c.id, c]));
    this.links = new Map();
    for (const link of status.links) {
      const [a, b] = link.ends.map((e) => this.port(link, e));
      const now = { a: total(a), b: total(b) };
      counts.set(link.name, now);
      const was = last && last.counts.get(link.name);
      const view = {
        ...link, a, b, now,
        ab: direction(now.a, now.b, was && was.a, was && was.b, seconds, link.ab || []),
        ba: direction(now.b, now.a, was && was.b, was && was.a, seconds, link.ba || []),
      };
      view.rate = view.ab.sentRate === null ? null : view.ab.sentRate + (view.ba.sentRate || 0);
      this.links.set(link.name, view);
      if (view.rate !== null) {
        const past = this.past.get(link.name) || [];
        past.push(view.rate);
        if (past.length > kept) past.shift();
        this.past.set(link.name, past);
      }
    }
    for (const name of this.past.keys()) if (!this.links.has(name)) this.past.delete(name);
    this.before = { time, counts };
  }

  note(events) {
    this.events = events.toReversed().concat(this.events).slice(0, eventsKept);
  }

  // port finds the port at one end of a link: "cell:port", or "cell".
  port(link, end) {
    const cell = this.cells.get(end.split(":")[0]);
    return cell && cell.ports.find((p) => p.link === link.name);
  }

  rate() {
    let sum = null;
    for (const l of this.links.values()) if (l.rate !== null) sum = (sum || 0) + l.rate;
    return sum;
  }
}

function total(port) {
  return port ? { tx: port.tx_frames, txb: port.tx_bytes, rx: port.rx_frames, rxb: port.rx_bytes } : null;
}

// direction is one way of a link: what its near end sent and its far end received.
function direction(near, far, nearWas, farWas, seconds, params) {
  const per = (now, was, key) => (now && was && seconds > 0 && now[key] >= was[key] ? (now[key] - was[key]) / seconds : null);
  return {
    params, sent: near && near.tx, bytes: near && near.txb, arrived: far && far.rx,
    sentRate: per(near, nearWas, "tx"), byteRate: per(near, nearWas, "txb"), arrivedRate: per(far, farWas, "rx"),
  };
}

// value finds a parameter of a direction, "" if it is at its default.
export function value(params, name) {
  const p = params.find((q) => q.name === name);
  return p ? p.value : "";
}

// first are the parameters that one looks for first.
const first = ["loss", "delay", "ber", "jitter", "dup", "reorder"];

// worse says in a few words what a link does to what it carries.
export function worse(link) {
  const place = (p) => (first.includes(p.name) ? first.indexOf(p.name) : first.length);
  const say = (params) => params.filter((p) => p.name !== "cut").sort((p, q) => place(p) - place(q)).map((p) => p.name + " " + p.value).join(", ");
  const ab = say(link.ab.params), ba = say(link.ba.params);
  if (ab === ba) return ab;
  return [ab && "→ " + ab, ba && "← " + ba].filter(Boolean).join("; ");
}

// look is how a link is drawn: cut, connected, wait or broken.
export function look(link) {
  if (link.cut) return "cut";
  if (link.state === "connected") return "connected";
  return link.state === "disconnected" || link.state === "dead" ? "broken" : "wait";
}

// is is a cell's state as one word.
export function is(cell) {
  if (!cell.up && cell.run === "running") return "none";
  return cell.run;
}

export function number(n) {
  if (n === null || n === undefined) return "–";
  if (n >= 1e6) return (n / 1e6).toFixed(n >= 1e7 ? 0 : 1) + " M";
  if (n >= 1e4) return (n / 1e3).toFixed(n >= 1e5 ? 0 : 1) + " k";
  return n >= 100 || Number.isInteger(n) ? String(Math.round(n)) : n.toFixed(1);
}

export function span(ns) {
  if (ns >= 1e9) return (ns / 1e9).toFixed(2) + " s";
  if (ns >= 1e6) return (ns / 1e6).toFixed(ns >= 1e8 ? 0 : 1) + " ms";
  return (ns / 1e3).toFixed(0) + " µs";
}
