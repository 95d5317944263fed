// The topics as the brokers have them, and what differs from what they should be.

import { get } from "./api.js";
import { repeat } from "./app.js";
import { badge, details, h, panel, replace, table, td } from "./dom.js";
import { days, number } from "./format.js";

const right = (text) => ({ text, number: true });

export async function show(place, parameters, signal) {
  const list = h("div");
  const checks = h("div");
  place.append(panel("Topics", list), panel("This address", checks));
  await repeat(async () => {
    const [{ topics }, ready] = await Promise.all([get("v1/topics", {}, signal), get("readyz", {}, signal)]);
    const drifting = topics.filter((topic) => topic.drift.length);
    replace(list, h("p", { role: "status" }, drifting.length ? h("strong", { class: "bad" }, `${drifting.length} topics differ from the plan. `) : "All topics are as they should be. ", h("span", { class: "soft" }, "carbon-stream bootstrap plan topics shows the same, apply topics mends it.")),
      table("Topics as the brokers have them", ["Topic", "Event type", right("partitions"), right("replicas"), right("kept"), right("records"), "Drift"], topics.map(row)));
    replace(checks, details(Object.fromEntries(Object.entries(ready.checks).map(([name, text]) => [name, badge(text === "ok" ? "HEALTHY" : "UNHEALTHY")]))));
  }, 5_000, signal);
}

function row(topic) {
  const drift = topic.drift.length ? h("ul", {}, topic.drift.map((line) => h("li", {}, line))) : h("span", { class: "good" }, "none");
  return h("tr", {}, td(topic.name, "nowrap"), td(topic.eventType), td(number(topic.partitions), "number"), td(number(topic.replicationFactor), "number"), td(days(topic.retentionMs), "number"), td(number(topic.records), "number"), td(drift, "wide"));
}
