// The page: news come in, everything that is shown follows from the model and
// from what is selected.

import { here } from "./api.js";
import { Detail } from "./detail.js";
import { Drawing } from "./draw.js";
import { cellTable, eventList, linkTable } from "./lists.js";
import { is, look, Model, number } from "./model.js";
import { follow } from "./stream.js";
import { say } from "./svg.js";

const $ = (id) => document.getElementById(id);
const model = new Model();
let selected = null;

const drawing = new Drawing($("drawing"), select);
const detail = new Detail($("detail"));
const showLinks = linkTable($("links"), select);
const showCells = cellTable($("cells"), select);
const showEvents = eventList($("events"));

function select(kind, name) {
  selected = { kind, name };
  show();
}

function show() {
  drawing.show(model, selected);
  showLinks(model, selected);
  showCells(model, selected);
  detail.show(model, selected);
  const { cells, links, version, problem } = model.status;
  say($("cells-up"), `${cells.filter((c) => is(c) === "running").length} of ${cells.length}`);
  say($("links-up"), `${[...model.links.values()].filter((l) => look(l) === "connected").length} of ${links.length}`);
  say($("rate"), number(model.rate()));
  say($("version"), version);
  $("empty").hidden = cells.length > 0 || model.before === null;
  $("problem").hidden = !problem;
  say($("problem"), problem || "");
}

follow(here("page/live"), {
  hello({ boot, name, build }) {
    if (model.boot !== undefined && model.boot !== boot) model.clear(); // another life of the server
    model.boot = boot;
    document.title = `${name} · dsim`;
    say($("name"), name);
    say($("build"), build);
  },
  status(s) {
    model.take(s);
    show();
  },
  events(list) {
    model.note(list);
    showEvents(model);
  },
  state(s) {
    const live = s === "live";
    say($("connection"), live ? "live" : "disconnected, retrying");
    $("connection").className = `pill ${live ? "live" : "lost"}`;
    document.body.classList.toggle("stale", !live);
  },
});

// Light or dark: what the system says, until somebody says otherwise.
const schemes = ["light dark", "dark", "light"];
let scheme = Math.max(0, schemes.indexOf(localStorage.getItem("scheme") || ""));
function wearScheme() {
  document.documentElement.style.colorScheme = schemes[scheme];
  $("theme").title = ["as the system", "dark", "light"][scheme];
}
$("theme").addEventListener("click", () => {
  scheme = (scheme + 1) % schemes.length;
  localStorage.setItem("scheme", schemes[scheme]);
  wearScheme();
});
wearScheme();

window.__dsim = { model, select, get selected() { return selected; } };
