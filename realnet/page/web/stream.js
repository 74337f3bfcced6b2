// The stream of news, which comes back by itself. A browser's EventSource gives up
// on some failures for good, and does not see a server that is silent: so there is
// a watch on it.

const silence = 15000; // ms without any news or beat
const again = 1000; // ms to the next try

/** follow calls the handlers by the kind of news, and "state" with live or lost. */
export function follow(url, handlers) {
  let source = null, heard = 0, last = "";

  function open() {
    if (source) source.close();
    heard = Date.now();
    source = new EventSource(url);
    const mine = source;
    for (const kind of ["hello", "status", "events", "beat"]) {
      mine.addEventListener(kind, (e) => {
        if (mine !== source) return;
        heard = Date.now();
        state("live");
        if (handlers[kind]) handlers[kind](JSON.parse(e.data));
      });
    }
    mine.addEventListener("error", () => {
      if (mine !== source) return;
      state("lost");
    });
  }

  function state(s) {
    if (s === last) return;
    last = s;
    handlers.state(s);
  }

  open();
  setInterval(() => {
    if (Date.now() - heard > silence) {
      state("lost");
      open();
    } else if (source.readyState === EventSource.CLOSED) {
      open();
    }
  }, again);
}
