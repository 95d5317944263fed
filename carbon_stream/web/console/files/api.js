// Calls to the service that this page came from, with the token that was typed in, if any.

const BASE = new URL("../", import.meta.url);
const KEPT = "carbon-stream-token";

export class Problem extends Error {
  constructor(status, document) {
    super(document.detail ?? document.title ?? `The service answered ${status}.`);
    this.status = status;
    this.document = document;
  }
}

export const token = {
  get: () => sessionStorage.getItem(KEPT) ?? "",
  set: (value) => (value ? sessionStorage.setItem(KEPT, value) : sessionStorage.removeItem(KEPT)),
};

function headers(more = {}, given = token.get()) {
  return given ? { ...more, Authorization: `Bearer ${given}` } : more;
}

export function address(path, query = {}) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one !== "" && one !== null && one !== undefined) url.searchParams.append(name, one);
  }
  return url;
}

async function answer(response) {
  const kind = response.headers.get("content-type") ?? "";
  const body = kind.includes("json") ? await response.json() : {};
  if (!response.ok && response.status !== 503) throw new Problem(response.status, body);
  if (!response.ok && !("checks" in body)) throw new Problem(response.status, body);
  return body;
}

export async function get(path, query, signal) {
  return answer(await fetch(address(path, query), { headers: headers({ Accept: "application/json" }), signal, cache: "no-store" }));
}

export async function getText(path, signal) {
  const response = await fetch(address(path), { headers: headers(), signal, cache: "no-store" });
  if (!response.ok) throw new Problem(response.status, {});
  return response.text();
}

export async function post(path, body, adminToken, signal) {
  const sent = { method: "POST", headers: headers({ "Content-Type": "application/json" }, adminToken || token.get()) };
  return answer(await fetch(address(path), { ...sent, body: JSON.stringify(body), signal }));
}

// Server-sent events over fetch, since EventSource cannot send a token. Comes again from where it was, with pauses.
export async function follow(path, query, onMessage, onState, signal) {
  let last = "";
  let pause = 500;
  while (!signal.aborted) {
    try {
      const more = last ? { "Last-Event-ID": last } : {};
      const response = await fetch(address(path, query), { headers: headers({ Accept: "text/event-stream", ...more }), signal, cache: "no-store" });
      if (!response.ok) {
        const problem = new Problem(response.status, await response.json().catch(() => ({})));
        if (response.status < 500) throw problem;
        onState("waiting", problem.message);
      } else {
        onState("open");
        pause = 500;
        for await (const message of messages(response.body)) {
          if (message.id !== undefined) last = message.id;
          if (message.data) onMessage(message.kind, JSON.parse(message.data));
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem) {
        onState("refused", error.message);
        return;
      }
      onState("waiting", "the connection was lost");
    }
    await new Promise((resolve) => { setTimeout(resolve, pause); });
    pause = Math.min(pause * 2, 15_000);
  }
}

async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const message = { kind: "", data: "" };
      for (const line of block.split("\n")) {
        if (line.startsWith("data: ")) message.data += line.slice(6);
        else if (line.startsWith("event: ")) message.kind = line.slice(7);
        else if (line.startsWith("id: ")) message.id = line.slice(4);
      }
      yield message;
    }
  }
}
