// Small charts. Each says in words what it shows.

import { h, s } from "./dom.js";

export function sparkline(values, label, width = 160, height = 32) {
  const most = Math.max(...values, 0.001);
  const step = width / Math.max(1, values.length - 1);
  const points = values.map((value, place) => `${(place * step).toFixed(1)},${(height - 2 - (value / most) * (height - 4)).toFixed(1)}`);
  const line = points.length > 1 ? [
    s("polygon", { class: "area", points: `0,${height} ${points.join(" ")} ${width},${height}` }),
    s("polyline", { class: "line", points: points.join(" ") }),
  ] : [];
  return s("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": label }, line);
}

export function bar(share, text) {
  const width = Math.max(0, Math.min(100, share * 100)).toFixed(1);
  return h("span", { class: "bar" },
    s("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" }, s("rect", { class: "rest", width: 100, height: 8, rx: 2 }), s("rect", { class: "part", width, height: 8, rx: 2 })),
    h("span", {}, text));
}

// Stretches of one status over a range of time: [{from, to, status}], in ms.
export function timeline(stretches, from, to, label) {
  const width = 600;
  const place = (at) => ((Math.max(from, Math.min(to, at)) - from) / Math.max(1, to - from)) * width;
  return s("svg", { class: "timeline", viewBox: `0 0 ${width} 26`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    stretches.map((one) => s("rect", { class: `state ${one.status.toLowerCase()}`, x: place(one.from), y: 0, width: Math.max(1.5, place(one.to) - place(one.from)), height: 26 })));
}
