// One event's full story: its flow, what caused it, and what it caused.

import { get } from "./api.js";
import { link } from "./app.js";
import { announce, details, h, panel } from "./dom.js";
import { number, span, time } from "./format.js";
import { summary } from "./live.js";

const PLACE = ["topic", "partition", "offset", "receivedAt"];

export async function show(place, parameters, signal) {
  if (!parameters.eventId && !parameters.correlationId) {
    place.append(h("p", {}, "A story is opened from an event: ", h("a", { href: "#/audit" }, "find one in the audit trail"), "."));
    return;
  }
  place.append(h("p", { role: "status" }, "Reading the topics …"));
  const { eventId, correlationId, around } = parameters;
  const story = await get("v1/events/story", { id: eventId ?? correlationId, correlationId, around }, signal);
  place.replaceChildren();
  if (!story.events.length) {
    place.append(h("p", {}, "No topic has an event of this story (any more)."));
    return;
  }
  const first = story.events[0].receivedAt;
  const lasted = story.events.at(-1).receivedAt - first;
  const topics = new Set(story.events.map((event) => event.topic));
  const facts = { Events: number(story.events.length), Topics: [...topics].join(", "), Began: time(first), Lasted: lasted < 1000 ? `${lasted} ms` : span(lasted) };
  if (correlationId) facts.Correlation = h("span", { class: "mono" }, correlationId);
  place.append(panel("In short", details(facts),
    h("p", { class: "hint" }, reach(story))));
  place.append(panel("What led to what", h("ol", { class: "chain" }, tree(story.events).map((node) => branch(node, eventId, first)))));
  announce(`${story.events.length} events`);
}

function reach({ complete, reachMs, scanned }) {
  const looked = `${number(scanned)} records were looked at${reachMs ? `, from ${span(reachMs)} before the event to ${span(reachMs)} after it` : ""}.`;
  return complete ? looked : `More may belong to it: ${looked}`;
}

// By causationId: causes before what they caused. Whatever would go round in a circle stands alone.
export function tree(events) {
  const nodes = events.map((event) => ({ event, caused: [] }));
  const byId = new Map(nodes.filter((node) => node.event.eventId).map((node) => [node.event.eventId, node]));
  const leadsBack = (node, to) => {
    const seen = new Set();
    for (let at = node; at && !seen.has(at); at = byId.get(at.event.causationId)) {
      if (at === to) return true;
      seen.add(at);
    }
    return false;
  };
  const roots = [];
  for (const node of nodes) {
    const cause = byId.get(node.event.causationId);
    if (cause && cause !== node && !leadsBack(cause, node)) cause.caused.push(node);
    else roots.push(node);
  }
  return roots;
}

function branch({ event, caused }, asked, began) {
  const own = Object.fromEntries(Object.entries(event).filter(([name]) => !PLACE.includes(name)));
  const after = event.receivedAt - began;
  const head = h("summary", {}, h("strong", {}, event.eventType), ` ${summary(event)} `,
    h("span", { class: "soft" }, time(event.receivedAt), after ? ` (+${after < 1000 ? `${after} ms` : span(after)}) ` : " ", `from ${event.source}, ${event.topic}/${event.partition}@${event.offset}`));
  const dataset = event.targetDataset ?? event.datasetName;
  return h("li", {},
    h("details", { class: event.eventId === asked ? "asked" : null, open: event.eventId === asked },
      head, details(Object.fromEntries(Object.entries(own).filter(([, value]) => typeof value !== "object" || value === null))),
      dataset ? h("p", {}, h("a", { href: link("datasets", { name: dataset }) }, `Dataset ${dataset}`)) : null,
      h("pre", { tabindex: "0", "aria-label": "The event as JSON" }, JSON.stringify(own, null, 2))),
    caused.length ? h("ol", {}, caused.map((one) => branch(one, asked, began))) : null);
}
