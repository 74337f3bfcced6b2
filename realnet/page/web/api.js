// The controller's API, the same that the command uses. A refusal becomes an
// Error with the controller's words.

/**
 * fault does something to a link: {op: "cut"}, "heal", "clear", or "inject" with
 * params; with direction "ab" or "ba" to one way of it only.
 */
export async function fault(link, what) {
  await send("POST", `api/links/${encodeURIComponent(link)}/fault`, what);
}

/** state is what the protocol of a cell shows: a list of {name, value}. */
export async function state(cell) {
  const answer = await fetch(here(`api/cells/${encodeURIComponent(cell)}`));
  return answer.ok ? (await answer.json()).state || [] : [];
}

/**
 * here is the address of something beside the page. It is absolute: a page that
 * was opened with a password in its address may not ask with a relative one.
 */
export function here(path) {
  return new URL(path, location.origin + location.pathname).href;
}

async function send(method, path, body) {
  let answer;
  try {
    answer = await fetch(here(path), { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  } catch {
    throw new Error("the datacenter does not answer");
  }
  if (!answer.ok) throw new Error(await refusal(answer));
}

// refusal reads the problem that the API answers with (RFC 9457).
async function refusal(answer) {
  try {
    const p = await answer.json();
    const where = (p.errors || []).map((e) => e.message).filter(Boolean);
    return where.join("; ") || p.detail || p.title || answer.statusText;
  } catch {
    return `${answer.status} ${answer.statusText}`;
  }
}
