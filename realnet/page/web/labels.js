// Where names and labels stand so that nothing covers them. What finds no place is
// tight: it is shown only when it is asked for.

const small = 0.88; // a link's label, in sizes of a cell's name
const wide = 0.56; // of a letter, in its size

/**
 * names marks the names of cells that have no room below their discs; those of
 * cells with many links have it first.
 * @param {{x, y, links, text: string}[]} cells
 * @returns boxes that are taken now: of all discs, and of the names that have room
 */
export function names(cells, size, disc) {
  const discs = cells.map((c) => [c.x - disc, c.y - disc, c.x + disc, c.y + disc]);
  const taken = [];
  for (const c of [...cells].sort((a, b) => b.links - a.links)) {
    const half = 0.33 * size * c.text.length;
    const mine = [c.x - half, c.y + disc, c.x + half, c.y + disc + 1.4 * size];
    c.tight = taken.some((o) => meet(mine, o)) || discs.some((o, i) => cells[i] !== c && meet(mine, o));
    if (!c.tight) taken.push(mine);
  }
  return discs.concat(taken);
}

/**
 * labels places the labels of links beside their middles, rather on the outer
 * side of the drawing.
 * @param {{x, y, nx, ny, letters: number, lines: number}[]} links with a normal
 */
export function labels(links, taken, size, disc, middle) {
  const s = small * size;
  for (const l of links) {
    const out = l.nx * (l.x - middle.x) + l.ny * (l.y - middle.y);
    const near = Math.abs(out) < 1 ? l.ny > 0 : out < 0;
    const sides = near ? [-1, 1] : [1, -1];
    const past = disc + 0.3 * s + (Math.abs(l.nx) * wide * s * l.letters) / 2; // the discs at its ends
    const places = [0.75 * s, past].flatMap((gap) => sides.map((side) => beside(l, side * l.nx, side * l.ny, s, gap)));
    const free = places.find((p) => !taken.some((o) => meet(p.box, o)));
    l.tight = free === undefined;
    l.place = free || places[0];
    if (free) taken.push(free.box);
  }
}

// beside is the place of a label on one side of a line.
function beside(l, nx, ny, s, gap) {
  const w = wide * s * l.letters, h = 1.2 * s * l.lines;
  const anchor = Math.abs(nx) < 0.4 ? "middle" : nx > 0 ? "start" : "end";
  const x = l.x + nx * gap, y = l.y + ny * (gap + h / 2);
  const left = anchor === "middle" ? x - w / 2 : anchor === "start" ? x : x - w;
  return { anchor, x, y: y - h / 2 + 0.9 * s, box: [left, y - h / 2, left + w, y + h / 2] };
}

function meet(a, b) {
  return a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];
}
