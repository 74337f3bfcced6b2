// Where the cells of a drawing stand. The answer follows from the names of the
// cells and links alone, so that everybody sees the same drawing, and again after
// a restart.
//
// Each part that hangs together is drawn so that distances on the sheet are like
// distances in hops (stress majorization), starting from a circle; the parts stand
// side by side. Parts that are too big for that stand on a grid.

const solved = 260; // cells of a part, above which it is put on a grid
const work = 4e6; // wishes that are looked at, for one part

/**
 * Places of cells in units of one link's length.
 * @param {string[]} names in order
 * @param {[string, string][]} pairs of names
 * @returns {{at: Map<string, {x: number, y: number}>, width: number, height: number}}
 */
export function layout(names, pairs) {
  const index = new Map(names.map((n, i) => [n, i]));
  const near = names.map(() => new Set());
  for (const [a, b] of pairs) {
    const i = index.get(a), j = index.get(b);
    if (i === undefined || j === undefined || i === j) continue;
    near[i].add(j);
    near[j].add(i);
  }
  const neighbours = near.map((s) => [...s].sort((a, b) => a - b));
  const parts = components(neighbours).map((part) => place(part, neighbours));
  return pack(parts, names);
}

// components gives the parts that hang together, biggest first, in the order of
// a walk in breadth from their first cell.
function components(neighbours) {
  const seen = neighbours.map(() => false);
  const all = [];
  for (let s = 0; s < neighbours.length; s++) {
    if (seen[s]) continue;
    const part = [s];
    seen[s] = true;
    for (let k = 0; k < part.length; k++) {
      for (const j of neighbours[part[k]]) {
        if (!seen[j]) {
          seen[j] = true;
          part.push(j);
        }
      }
    }
    all.push(part);
  }
  return all.sort((a, b) => b.length - a.length || a[0] - b[0]);
}

function place(part, neighbours) {
  const n = part.length;
  let at;
  const turn = walk(part, neighbours);
  if (part.every((c) => neighbours[c].length <= 2) && part.some((c) => neighbours[c].length < 2)) at = line(turn);
  else if (n > solved) at = grid(n);
  else at = majorize(circle(turn), distances(part, neighbours));
  return box(part, at);
}

// walk orders a part in depth, so that a ring starts as a ring and a line as an
// arc: it gives for each cell of the part its position around the circle.
function walk(part, neighbours) {
  const own = new Map(part.map((c, i) => [c, i]));
  const least = part.reduce((a, b) => (neighbours[b].length < neighbours[a].length ? b : a));
  const turn = part.map(() => -1);
  const stack = [least];
  let next = 0;
  while (stack.length > 0) {
    const c = stack.pop();
    const i = own.get(c);
    if (turn[i] >= 0) continue;
    turn[i] = next++;
    for (let k = neighbours[c].length - 1; k >= 0; k--) stack.push(neighbours[c][k]);
  }
  return turn;
}

function circle(turn) {
  const n = turn.length;
  const r = 0.5 / Math.sin(Math.PI / n);
  return turn.map((t) => {
    const a = (2 * Math.PI * t) / n - Math.PI / 2;
    return { x: r * Math.cos(a), y: r * Math.sin(a) };
  });
}

// line puts a chain in a row, and a long one in rows that wind.
function line(turn) {
  const n = turn.length;
  const wide = n <= 8 ? n : Math.ceil(Math.sqrt(n * 2));
  return turn.map((t) => {
    const y = Math.floor(t / wide);
    return { x: y % 2 === 0 ? t % wide : wide - 1 - (t % wide), y };
  });
}

function grid(n) {
  const wide = Math.ceil(Math.sqrt(n * 1.6));
  return Array.from({ length: n }, (_, i) => ({ x: i % wide, y: Math.floor(i / wide) }));
}

// distances in hops between all cells of a part.
function distances(part, neighbours) {
  const own = new Map(part.map((c, i) => [c, i]));
  return part.map((from) => {
    const hops = new Float64Array(part.length).fill(-1);
    hops[own.get(from)] = 0;
    const queue = [from];
    for (let k = 0; k < queue.length; k++) {
      for (const j of neighbours[queue[k]]) {
        if (hops[own.get(j)] < 0) {
          hops[own.get(j)] = hops[own.get(queue[k])] + 1;
          queue.push(j);
        }
      }
    }
    return hops;
  });
}

// majorize moves each cell to where its wishes about all others balance, round
// after round; a wish counts the less, the more hops it is about.
function majorize(at, hops) {
  const n = at.length;
  for (let round = Math.min(4000, work / (n * n)); round > 0; round--) {
    let moved = 0;
    for (let i = 0; i < n; i++) {
      let x = 0, y = 0, sum = 0;
      for (let j = 0; j < n; j++) {
        if (j === i) continue;
        const d = hops[i][j], w = 1 / (d * d);
        let dx = at[i].x - at[j].x, dy = at[i].y - at[j].y;
        const far = Math.hypot(dx, dy);
        if (far < 1e-9) {
          dx = Math.cos(i); // two in one place part, each its own way
          dy = Math.sin(i);
        } else {
          dx /= far;
          dy /= far;
        }
        x += w * (at[j].x + d * dx);
        y += w * (at[j].y + d * dy);
        sum += w;
      }
      moved = Math.max(moved, Math.abs(at[i].x - x / sum), Math.abs(at[i].y - y / sum));
      at[i] = { x: x / sum, y: y / sum };
    }
    if (moved < 1e-5) break;
  }
  return upright(at);
}

// upright turns a part so that it is wide rather than high, as screens are, and
// so that its first cell is rather left and above.
function upright(at) {
  const n = at.length;
  const mx = at.reduce((s, p) => s + p.x, 0) / n, my = at.reduce((s, p) => s + p.y, 0) / n;
  let xx = 0, yy = 0, xy = 0;
  for (const p of at) {
    xx += (p.x - mx) ** 2;
    yy += (p.y - my) ** 2;
    xy += (p.x - mx) * (p.y - my);
  }
  let turned = at.map((p) => ({ x: p.x - mx, y: p.y - my }));
  if (Math.abs(xy) > 1e-6 * (xx + yy) || Math.abs(xx - yy) > 1e-6 * (xx + yy)) {
    const a = -0.5 * Math.atan2(2 * xy, xx - yy);
    const cos = Math.cos(a), sin = Math.sin(a);
    turned = turned.map((p) => ({ x: p.x * cos - p.y * sin, y: p.x * sin + p.y * cos }));
  }
  const fx = turned[0].x > 1e-6 ? -1 : 1, fy = turned[0].y > 1e-6 ? -1 : 1;
  return turned.map((p) => ({ x: p.x * fx, y: p.y * fy }));
}

function box(part, at) {
  const x0 = Math.min(...at.map((p) => p.x)), y0 = Math.min(...at.map((p) => p.y));
  return {
    part, at: at.map((p) => ({ x: p.x - x0, y: p.y - y0 })),
    width: Math.max(...at.map((p) => p.x)) - x0, height: Math.max(...at.map((p) => p.y)) - y0,
  };
}

// pack puts the parts in rows, about as wide as a screen is.
function pack(parts, names) {
  const gap = 1;
  const area = parts.reduce((s, p) => s + (p.width + gap) * (p.height + gap), 0);
  const wide = Math.max(Math.sqrt(area * 1.6), ...parts.map((p) => p.width + gap));
  const at = new Map();
  let x = 0, y = 0, row = 0, width = 0;
  for (const p of parts) {
    if (x > 0 && x + p.width > wide) {
      x = 0;
      y += row + gap;
      row = 0;
    }
    p.part.forEach((c, i) => at.set(names[c], { x: x + p.at[i].x, y: y + p.at[i].y }));
    width = Math.max(width, x + p.width);
    x += p.width + gap;
    row = Math.max(row, p.height);
  }
  return { at, width, height: y + row };
}
